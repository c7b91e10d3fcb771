"""Every sentence, number and name that a report says, in its language."""
