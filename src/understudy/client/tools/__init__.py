"""Python functions as tools: their schemas, their execution, and the loop between the model and them."""
