"""E-mail of support in both directions: letters become input of threads, and messages become letters."""
