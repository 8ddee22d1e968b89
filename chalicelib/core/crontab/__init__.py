"""Takes over crontabs: what each line says becomes a schedule, or is said to be left behind."""
