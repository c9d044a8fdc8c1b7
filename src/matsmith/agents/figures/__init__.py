"""What a record looks like: figures as plain data, made from the record alone, drawn by the page and by the report alike."""
