"""The CustomResourceDefinitions, generated from environments.crds."""
