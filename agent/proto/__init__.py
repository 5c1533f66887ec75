"""Messages on the wire and the code generated from them; `border.py` turns them into our types."""
