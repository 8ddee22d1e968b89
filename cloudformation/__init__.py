"""What deploys the AWS edition: the companion template, and the program that brings it to AWS."""
