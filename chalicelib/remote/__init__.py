"""ANSWERS over HTTP: a server elsewhere behind the reading ports and the verbs."""
