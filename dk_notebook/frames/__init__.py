"""Tables on their way: Arrow, its types, and the frames that people hold."""
