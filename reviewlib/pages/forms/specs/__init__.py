"""The forms, by subject: what each is made of."""
