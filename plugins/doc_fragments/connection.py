# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say where the API is and who is calling; _connection.connection_argument_spec() declares them."""

    DOCUMENTATION = r"""
options:
  region:
    description:
      - The region of the load balancer.
      - If not set, the first of E(ALICLOUD_REGION), E(ALICLOUD_REGION_ID), E(ALIBABA_CLOUD_REGION_ID) and
        E(ALIBABA_CLOUD_REGION) is used.
    type: str
    aliases: [region_id]
  access_key:
    description:
      - The id of the access key. Requires O(secret_key).
      - Only one source of credentials is used, and options take precedence over the environment of the host that runs
        the task. See the
        R(credentials guide, ansible_collections.aliyun_community.slb.docsite.credentials_guide) for the order.
    type: str
  secret_key:
    description:
      - The secret of O(access_key).
    type: str
  security_token:
    description:
      - The security token that belongs to O(access_key) and O(secret_key) if they are temporary credentials of STS.
    type: str
  profile:
    description:
      - The name of a profile in O(shared_credentials_file).
      - If O(shared_credentials_file) is not set, the first of C(~/.aliyun/config.json), C(~/.alibabacloud/credentials)
        and C(~/.alibabacloud/credentials.ini) with a profile of this name is used.
      - Profiles for a role or a sign-in require the Python package C(alibabacloud-credentials).
    type: str
  shared_credentials_file:
    description:
      - A file with profiles, either the JSON file of the C(aliyun) command line tool or the INI file of the vendor's
        SDKs.
      - If O(profile) is not set, the current profile of the JSON file or the profile C(default) of the INI file is used.
    type: path
  ecs_role_name:
    description:
      - The RAM role of the ECS instance that runs the task. Its credentials come from the metadata service (IMDSv2 only).
      - Requires the Python package C(alibabacloud-credentials).
    type: str
  assume_role:
    description:
      - A RAM role to assume with the credentials from any of the other sources.
      - If not set and the credentials come from the environment, the role in E(ALICLOUD_ASSUME_ROLE_ARN) is assumed, if
        set, with E(ALICLOUD_ASSUME_ROLE_SESSION_NAME) and E(ALICLOUD_ASSUME_ROLE_EXTERNAL_ID).
      - Requires the Python package C(alibabacloud-credentials).
    type: dict
    suboptions:
      role_arn:
        description: The ARN of the role.
        type: str
        required: true
      session_name:
        description: The name of the session in the audit log. Defaults to V(aliyun_community.slb).
        type: str
      duration_seconds:
        description:
          - How long the temporary credentials are valid, in seconds. Defaults to V(3600).
          - A whole number from V(900). RAM sets the maximum of each role.
        type: raw
      external_id:
        description: The external id that the role requires.
        type: str
      policy:
        description: A policy in JSON that restricts the permissions of the role further.
        type: str
      sts_endpoint:
        description:
          - The host of the STS API, such as V(sts.aliyuncs.com) or V(host:port). Always called over HTTPS.
          - Defaults to the host in the region E(ALIBABA_CLOUD_STS_REGION), the one inside a VPC if
            E(ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED) is V(true), or to C(sts.aliyuncs.com).
        type: str
  endpoint:
    description:
      - The host of the Slb API, such as V(slb-vpc.cn-hangzhou.aliyuncs.com), V(host:port) or a URL.
      - If not set, E(ALICLOUD_SLB_ENDPOINT) or E(ALIBABA_CLOUD_SLB_ENDPOINT) is used, or else the host of the region.
      - HTTPS is used unless the URL starts with C(http://), which is meant for the emulator on the loopback interface.
    type: str
  validate_certs:
    description:
      - Whether to validate the certificate of the endpoint.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the CA certificates to trust instead of the bundled ones, in PEM format, or a folder with such files,
        named as C(openssl rehash) does.
      - For STS they are trusted in addition to the bundled ones.
      - If not set, E(ALIBABA_CLOUD_CA_BUNDLE) is used.
    type: path
  connect_timeout:
    description:
      - How long to wait for a connection, in seconds. A whole number from V(1) to V(86400).
    type: raw
    default: 5
  read_timeout:
    description:
      - How long to wait for a response, in seconds. A whole number from V(1) to V(86400).
      - The API takes 2 to 3 seconds to set weights.
    type: raw
    default: 30
  wait_timeout:
    description:
      - How long the whole task may take, in seconds. A whole number from V(1) to V(86400).
      - This includes all retries (load balancer busy, API throttled, response lost), verification and fetching
        credentials.
    type: raw
    default: 120
requirements:
  - python >= 3.9
  - aliyun-python-sdk-core >= 2.16.1
  - aliyun-python-sdk-slb >= 3.3.22
notes:
  - The Python packages are required on the host that runs the task, usually the controller (C(delegate_to=localhost)).
  - E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY) are honoured.
"""
