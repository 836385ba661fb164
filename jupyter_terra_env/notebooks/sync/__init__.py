"""Between the bucket and the disk: ``localizer`` opens, ``delocalizer`` saves, ``conflicts`` resolves.

``upload_attempts`` makes one conditional upload and settles what became of it; ``upload_gate`` lets only whole content
pass; ``unseen_edits`` keeps what a save would replace unseen; ``foreign_edits`` finds what other programs wrote.
"""
