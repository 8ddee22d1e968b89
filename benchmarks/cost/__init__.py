"""What the edition on AWS costs: whole runs on the strict fake of AWS, metered and priced."""
