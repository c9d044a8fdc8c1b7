"""Readers: each turns one kind of file into documents, or says in one sentence why it cannot."""
