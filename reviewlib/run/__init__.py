"""One period from freeze to index: what is made, published, handed out, released and verified."""
