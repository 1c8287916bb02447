"""Daily and weekly reports: figures from the database, and the pages made of them."""
