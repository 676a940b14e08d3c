"""What comes back from a rep: mails and forms, read line by line and put into the journal."""
