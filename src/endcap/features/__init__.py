"""Features of shoppers, products and their encounters: one definition, offline as online."""
