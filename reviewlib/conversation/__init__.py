"""What people say: the journal, who may write and read what and when, goals, and answers without Jupyter."""
