"""Work on content that others wrote, in child processes with limits. Protocol: docs/protocol/untrusted-work.md."""
