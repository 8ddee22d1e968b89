"""Writes a schedule with one job for each file of a folder, and one that sums up.

usage: make_schedule.py FOLDER > fan-out.json
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
names = sorted(path.name for path in folder.glob("*.txt"))
counts = [
    {"jobName": name, "command": ["python3", "count_words.py", "${folder}", name]} for name in names
]
total = {
    "jobName": "total",
    "jobDependencies": names,
    "command": ["python3", "sum_up.py", "${folder}"],
}
document = {
    "scheduleId": "fan-out",
    "scheduleName": f"Count the words of {len(names)} files",
    "maxConcurrency": 20,
    "parameters": {"folder": {"default": str(folder)}},
    "jobList": [*counts, total],
}
json.dump(document, sys.stdout, indent=2)
