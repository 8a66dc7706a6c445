"""The nouns: image, labels, objects, columns, methods, errors, units, registry."""
