# Stands for the script where plans are tested.
