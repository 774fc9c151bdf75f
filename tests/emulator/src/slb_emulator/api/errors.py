# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API's error codes with their statuses and messages, in one table.

Sources: the vendor's common error codes page and its help pages; where these disagree, answers that were
quoted in public decide. README.md lists what is not confirmed.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorEntry(NamedTuple):
    """HTTP status and message that belong to a code."""

    http_status: int
    message: str


ERRORS: dict[str, ErrorEntry] = {
    # The load balancer or the service is busy.
    "BackendServer.configuring": ErrorEntry(
        409, "A previous configuration of the load balancer is pending; please try again later."
    ),
    "ServiceIsConfiguring": ErrorEntry(400, "A previous configuration is pending; please try again later."),
    "OperationBusy": ErrorEntry(400, "A previous operation is pending."),
    "SystemBusy": ErrorEntry(400, "The system is busy."),
    "VServerGroupProcessing": ErrorEntry(
        400, "A previous configuration of the VServer group is pending; please try again later."
    ),
    "OperationFailed.ServiceGroupProcessing": ErrorEntry(400, "The specified service group is processing."),
    "ServiceIsStopping": ErrorEntry(409, "The specified Listener is stopping, please retry later."),
    "BackendServerProcessing": ErrorEntry(400, "Backend Server is adding, please try again later."),
    "ProcessingSameRequest": ErrorEntry(400, "The same request is being processed. Please try later."),
    "LocationServiceTimeout": ErrorEntry(400, "Location service connection timeout. Please try again later."),
    "OperationConflict": ErrorEntry(409, "Request was denied due to conflict with a previous request."),
    "Throttling": ErrorEntry(
        400,
        "You have made too many requests within a short time; your request is denied due to request throttling.",
    ),
    "Throttling.User": ErrorEntry(400, "Request was denied due to user flow control."),
    "Throttling.Api": ErrorEntry(400, "Request was denied due to api flow control."),
    "ServiceUnavailable": ErrorEntry(503, "The request has failed due to a temporary failure of the server."),
    "InternalError": ErrorEntry(
        500, "The request processing has failed due to some unknown error, exception or failure."
    ),
    "InternalInvokeError": ErrorEntry(500, "The internal invoking has failed."),
    # What was asked for does not exist or is not valid.
    "InvalidLoadBalancerId.NotFound": ErrorEntry(404, "The specified LoadBalancerId does not exist."),
    "InvalidParameter": ErrorEntry(400, "The specified parameter is not valid."),
    "MissingParameter": ErrorEntry(
        400, "The input parameter that is mandatory for processing this request is not supplied."
    ),
    "ObtainIpFail": ErrorEntry(
        400,
        "The specified BackendServers is invalid; "
        "some of the specified backend servers do not exist or are not running.",
    ),
    "BackendServer.ServerIdEmpty": ErrorEntry(400, "The specified ServerId can not be empty."),
    "BackendServer.InvalidType": ErrorEntry(400, "The specified Type is invalid."),
    "TooManyBackendServers": ErrorEntry(400, "The total number of input real servers exceeds max supported number: 20"),
    "VServerGroupEmpty": ErrorEntry(400, "The specified VServerGroupId is invalid; it does not contain vServers."),
    "RspoolVipExist": ErrorEntry(400, "there are vips associating with this vServer group."),
    "RspoolRuleExist": ErrorEntry(400, "there are rules associating with this vServer group."),
    "InvalidWeight.Malformed": ErrorEntry(400, "A specified weight is not valid."),
    "BackendServersMalformed": ErrorEntry(400, "the specified parameter BackendServers is unavailable."),
    "InvalidServerId.NotFound": ErrorEntry(404, "The specified ServerId does not exist."),
    "InvalidServerId.NotExist": ErrorEntry(400, "The specified ServerId is not exist."),
    "InvalidBackendServers.Inconsistent": ErrorEntry(
        400, "All BackendServers on one Specified LoadBalancer have to be in the same vpc or all classic"
    ),
    "Mismatched.ZoneId": ErrorEntry(400, "The zone of the server is not matched with the cloud box loadbalancer."),
    "LbStatusNotSupport": ErrorEntry(400, "The status of specified loadbalancer does not support.."),
    "ActionNotAllowed": ErrorEntry(400, "The action is not allowed."),
    "OperationFailed.ActionNotSupport": ErrorEntry(400, "The loadbalancer does not support such action."),
    "UnsupportedOperation": ErrorEntry(400, "The action is not allowed."),
    "InvalidRegionId.NotFound": ErrorEntry(404, "The specified RegionId does not exist."),
    "UnauthorizedRegion": ErrorEntry(403, "The specified region of is not authorized."),
    "OperationFailed.Endpoint": ErrorEntry(
        400, "The operation failed because of the RegionId is unavailable in this endpoint."
    ),
    # The gateway: who calls, and how.
    "Forbidden.RAM": ErrorEntry(
        403, "User not authorized to operate on the specified resource, or this API doesn't support RAM."
    ),
    "Forbidden": ErrorEntry(403, "User not authorized to operate on the specified resource."),
    "InvalidAccessKeyId.NotFound": ErrorEntry(404, "Specified access key is not found."),
    "InvalidAccessKeyId.Inactive": ErrorEntry(400, "Specified access key is disabled."),
    "SignatureDoesNotMatch": ErrorEntry(
        400, "Specified signature is not matched with our calculation. server string to sign is:"
    ),
    "IncompleteSignature": ErrorEntry(
        400, "The request signature does not conform to Aliyun standards. server string to sign is:"
    ),
    "SignatureNonceUsed": ErrorEntry(400, "Specified signature nonce was used already."),
    "InvalidTimeStamp.Expired": ErrorEntry(400, "Specified time stamp or date value is expired."),
    "InvalidTimeStamp.Format": ErrorEntry(400, "Specified time stamp or date value is not well formatted."),
    "InvalidSecurityToken.Expired": ErrorEntry(400, "Specified SecurityToken is expired."),
    "InvalidSecurityToken.Malformed": ErrorEntry(400, "Specified SecurityToken is malformed."),
    "InvalidSecurityToken.MismatchWithAccessKey": ErrorEntry(
        400, "Specified SecurityToken mismatch with the AccessKey."
    ),
    "MissingSecurityToken": ErrorEntry(400, "SecurityToken is mandatory for this action."),
    "InvalidAction.NotFound": ErrorEntry(404, "Specified api is not found, please check your url and method."),
    "InvalidVersion": ErrorEntry(400, "Specified parameter Version is not valid."),
    "InvalidProduct.NotFound": ErrorEntry(404, "Cannot find product according to your specified domain."),
    "UnsupportedHTTPMethod": ErrorEntry(403, "This http method is not supported."),
}


class ApiError(Exception):
    """An answer with an error code.

    Status and message come from ERRORS unless given; a code outside the table answers 400 with itself as message.
    """

    def __init__(self, code: str, message: str | None = None, http_status: int | None = None) -> None:
        entry = ERRORS.get(code, ErrorEntry(400, code))
        self.code = code
        self.message = entry.message if message is None else message
        self.http_status = entry.http_status if http_status is None else http_status
        super().__init__(f"{self.http_status} {code}: {self.message}")


def missing_parameter(name: str) -> ApiError:
    """The error for a required parameter that was not sent."""
    return ApiError(
        "MissingParameter",
        f'The input parameter "{name}" that is mandatory for processing this request is not supplied.',
    )


def invalid_parameter(name: str) -> ApiError:
    """The error for a parameter whose value is outside its documented range."""
    return ApiError("InvalidParameter", f"The specified {name} is not valid.")


def group_not_found(name: str) -> ApiError:
    """The error for a server group that does not exist: there is no code of its own for it."""
    return ApiError("InvalidParameter", f"The specified {name} does not exist.", 404)
