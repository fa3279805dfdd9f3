"""The Personalize API: requests and answers as its clients' service models describe them."""
