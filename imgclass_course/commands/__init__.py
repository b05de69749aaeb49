"""The commands of `imgclass`, a module each. Heavy modules are imported where a command needs them."""
