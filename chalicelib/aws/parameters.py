"""Secrets by name: parameters of SSM under the stage's path."""

from botocore.exceptions import ClientError

from chalicelib.aws.clients import Clients
from chalicelib.aws.translation import code_of, translated


class SsmSecrets:
    """notice_ports.Secrets: `/batch-scheduler/STAGE/NAME`, encrypted or not."""

    def __init__(self, clients: Clients, stage: str) -> None:
        self._clients = clients
        self._path = f"/batch-scheduler/{stage}"

    def __call__(self, name: str) -> str:
        """Empty for one that there is not. Raises BackendError."""
        with translated("SSM", "GetParameter"):
            try:
                answer = self._clients["ssm"].get_parameter(
                    Name=f"{self._path}/{name}", WithDecryption=True
                )
            except ClientError as error:
                if code_of(error) == "ParameterNotFound":
                    return ""
                raise
        return str(answer["Parameter"]["Value"])
