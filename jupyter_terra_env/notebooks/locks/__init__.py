"""Edit locks: the compare-and-set in the bucket, which this server holds, and how long each is kept."""
