"""SNS, CloudWatch, its Logs, EventBridge and STS, strict in what the edition asks of them."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.local.memory_queue import VirtualClock
from tests.strict.answers import ACCOUNT, REGION, AwsError, Params, Permission, Service
from tests.strict.batch_answers import LOG_GROUP

_MAX_MESSAGE = 262_144  # bytes (API_Publish)
_MAX_SUBJECT = 99  # characters: fewer than 100 (API_Publish)
_MAX_EVENTS = 10_000  # of one page (API_GetLogEvents)
_MAX_PAGE = 1_048_576  # bytes (API_GetLogEvents)
_EVENT_OVERHEAD = 26  # bytes that CloudWatch Logs counts for an event besides its message
_MAX_STREAMS = 50  # of one page (API_DescribeLogStreams)
_MAX_PUT = 262_144  # bytes of all entries of one PutEvents; less than (API_PutEvents)
_MAX_METRICS = 1000  # of one PutMetricData (API_PutMetricData)
_TIME_SIZE = 14  # bytes that EventBridge counts for the time of an entry

Fields = dict[str, Any]
Line = tuple[int, str]  # (ms since 1970, message)


def _on(action: str, arn: str) -> tuple[Permission, ...]:
    return ((action, arn),)


class FakeTopics:
    """SNS's topics, and what was published to them."""

    def __init__(self, *names: str) -> None:
        self.published: list[Fields] = []
        self._arns = {f"arn:aws:sns:{REGION}:{ACCOUNT}:{name}" for name in names}

    def service(self) -> Service:
        return Service(
            operations={"Publish": self.publish},
            permissions=lambda operation, params: _on(f"sns:{operation}", params["TopicArn"]),
            refusal="InvalidParameter",
            throttled=("Throttling", 400),
            broken="InternalFailure",
        )

    def publish(self, params: Params) -> Fields:
        if params["TopicArn"] not in self._arns:
            raise AwsError("NotFound", "Topic does not exist", 404)
        if "Subject" in params:
            _check_subject(params["Subject"])
        attributes = params.get("MessageAttributes", {})
        size = len(params["Message"].encode()) + sum(map(_attribute_size, attributes.items()))
        if not params["Message"] or size > _MAX_MESSAGE:
            raise AwsError("InvalidParameter", "Invalid parameter: Message too long or empty")
        self.published.append(dict(params))
        return {"MessageId": f"00000000-0000-4000-a000-{len(self.published):012x}"}


class FakeParameters:
    """SSM's parameters: those of the stage, decrypted if that is asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = dict(values)

    def service(self) -> Service:
        return Service(
            operations={"GetParameter": self.get_parameter},
            permissions=lambda operation, params: _on(
                f"ssm:{operation}", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{params['Name']}"
            ),
            refusal="ValidationException",
            throttled=("ThrottlingException", 400),
            broken="InternalServerError",
        )

    def get_parameter(self, params: Params) -> Fields:
        name = params["Name"]
        if name not in self.values:
            raise AwsError("ParameterNotFound", "")
        secret = self.values[name] if params.get("WithDecryption") else "AQICAH…"
        return {"Parameter": {"Name": name, "Type": "SecureString", "Value": secret}}


def _attribute_size(attribute: tuple[str, Mapping[str, str]]) -> int:
    name, value = attribute
    return len((name + value["DataType"] + value.get("StringValue", "")).encode())


def _check_subject(subject: str) -> None:
    """ASCII text that begins with a letter, a number or a mark, on one line (API_Publish)."""
    is_plain = all(" " <= letter <= "~" for letter in subject)
    if not 1 <= len(subject) <= _MAX_SUBJECT or not is_plain or subject[0] == " ":
        raise AwsError("InvalidParameter", "Invalid parameter: Subject")


class FakeLogs:
    """The log group of Batch; `streams` has the lines of each stream, oldest first."""

    def __init__(self, streams: dict[str, list[Line]]) -> None:
        self._streams = streams

    def service(self) -> Service:
        return Service(
            operations={
                "GetLogEvents": self.get_log_events,
                "DescribeLogStreams": self.describe_log_streams,
            },
            permissions=self._permissions,
            refusal="InvalidParameterException",
            broken="ServiceUnavailableException",
        )

    def get_log_events(self, params: Params) -> Fields:
        """A token says where it leads: `f/` and `b/` with the index of an event of the stream."""
        lines = self._lines(params)
        since, until = params.get("startTime", 0), params.get("endTime")
        kept = [each for each in lines if each[0] >= since and (until is None or each[0] < until)]
        limit = params.get("limit", _MAX_EVENTS)
        first, last = _span(kept, params, limit)
        page = kept[first:last]
        return {
            "events": [
                {"timestamp": at, "message": message, "ingestionTime": at} for at, message in page
            ],
            "nextForwardToken": f"f/{last}",
            "nextBackwardToken": f"b/{first}",
        }

    def describe_log_streams(self, params: Params) -> Fields:
        if params.get("logGroupName") != LOG_GROUP:
            raise AwsError(
                "ResourceNotFoundException", "The specified log group does not exist.", 400
            )
        prefix, token = params.get("logStreamNamePrefix", ""), params.get("nextToken", "0")
        size, start = params.get("limit", _MAX_STREAMS), int(token)
        names = sorted(name for name in self._streams if name.startswith(prefix))
        answer: Fields = {
            "logStreams": [
                {"logStreamName": name, "firstEventTimestamp": self._streams[name][0][0]}
                for name in names[start : start + size]
            ]
        }
        if start + size < len(names):
            answer["nextToken"] = str(start + size)
        return answer

    def _lines(self, params: Params) -> list[Line]:
        name = params["logStreamName"]
        if params.get("logGroupName") != LOG_GROUP or name not in self._streams:
            raise AwsError(
                "ResourceNotFoundException", "The specified log stream does not exist.", 400
            )
        return self._streams[name]

    def _permissions(self, operation: str, params: Params) -> tuple[Permission, ...]:
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{params.get('logGroupName', '')}"
        stream = params.get("logStreamName")
        arn = f"{group}:log-stream:{stream}" if stream else f"{group}:*"
        return _on(f"logs:{operation}", arn)


def _span(lines: list[Line], params: Params, limit: int) -> tuple[int, int]:
    """The first and the last index of one page; both the same when there is no more."""
    token = params.get("nextToken")
    if token is None:
        token = "f/0" if params.get("startFromHead", False) else f"b/{len(lines)}"
    direction, _, place = token.partition("/")
    if direction not in ("f", "b") or not place.isdecimal():
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    first = last = int(place)
    step = 1 if direction == "f" else -1
    size = 0
    while last - first < limit:
        index = last if step > 0 else first - 1
        if not 0 <= index < len(lines):
            break
        size += len(lines[index][1].encode()) + _EVENT_OVERHEAD
        if size > _MAX_PAGE:
            break
        first, last = min(first, index), max(last, index + 1)
    return first, last


class FakeEvents:
    """EventBridge's default bus: what is put joins what the services have to tell."""

    def __init__(self, clock: VirtualClock, events: list[Fields]) -> None:
        self._clock = clock
        self._events = events

    def service(self) -> Service:
        arn = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
        return Service(
            operations={"PutEvents": self.put_events},
            permissions=lambda operation, _params: _on(f"events:{operation}", arn),
            broken="InternalException",
        )

    def put_events(self, params: Params) -> Fields:
        entries = params["Entries"]
        if sum(map(entry_size, entries)) >= _MAX_PUT:
            raise AwsError(
                "ValidationException",
                "Total size of the entries in the request is over the limit.",
            )
        answers = [self._put(entry) for entry in entries]
        failed = sum("ErrorCode" in answer for answer in answers)
        return {"FailedEntryCount": failed, "Entries": answers}

    def _put(self, entry: Params) -> Fields:
        if not entry.get("Source") or entry["Source"].startswith("aws."):
            return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Source"}
        try:
            detail = json.loads(entry["Detail"])
        except (KeyError, ValueError):
            return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
        number = f"00000000-0000-4000-b000-{len(self._events):012x}"
        at = entry.get("Time") or self._clock()
        self._events.append(
            {
                "version": "0",
                "id": number,
                "detail-type": entry.get("DetailType", ""),
                "source": entry["Source"],
                "account": ACCOUNT,
                "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "region": REGION,
                "resources": list(entry.get("Resources", ())),
                "detail": detail,
            }
        )
        return {"EventId": number}


def entry_size(entry: Params) -> int:
    """The bytes that EventBridge counts for one entry of a PutEvents."""
    words = [entry.get(name, "") for name in ("Source", "DetailType", "Detail")]
    texts = [*words, *entry.get("Resources", ())]
    return sum(len(text.encode()) for text in texts) + _TIME_SIZE * ("Time" in entry)


class FakeMetrics:
    """CloudWatch's metrics."""

    def __init__(self) -> None:
        self.put: list[tuple[str, Fields]] = []  # (namespace, datum)

    def service(self) -> Service:
        return Service(
            operations={"PutMetricData": self.put_metric_data},
            permissions=lambda operation, _params: _on(f"cloudwatch:{operation}", "*"),
            refusal="InvalidParameterValue",
            throttled=("Throttling", 400),
            broken="InternalServiceError",
        )

    def put_metric_data(self, params: Params) -> Fields:
        namespace, data = params["Namespace"], params.get("MetricData", [])
        if namespace.startswith("AWS/"):
            raise AwsError("InvalidParameterValue", "The value AWS/ for Namespace is reserved.")
        if len(data) > _MAX_METRICS:
            raise AwsError("InvalidParameterValue", f"More than {_MAX_METRICS} metrics.")
        self.put.extend((namespace, dict(each)) for each in data)
        return {}


def tokens() -> Service:
    """STS: who calls."""
    caller = {
        "UserId": "AROAEXAMPLE:ada",
        "Account": ACCOUNT,
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/operator/ada",
    }
    return Service(operations={"GetCallerIdentity": lambda _params: dict(caller)})
