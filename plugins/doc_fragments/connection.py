# Copyright (c) 2026 aliyun_community.slb contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """The options that say where the API is and who is calling: _module.connection_argument_spec() declares them."""

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
      - The id of the access key. Needs O(secret_key).
      - The first of O(access_key), O(profile) or O(shared_credentials_file), and O(ecs_role_name) is used. If none of
        them is set, the environment is used, the first of these as a whole,
        E(ALICLOUD_ACCESS_KEY) with E(ALICLOUD_SECRET_KEY) and E(ALICLOUD_SECURITY_TOKEN),
        E(ALIBABA_CLOUD_ACCESS_KEY_ID) with E(ALIBABA_CLOUD_ACCESS_KEY_SECRET) and E(ALIBABA_CLOUD_SECURITY_TOKEN),
        E(ALIBABA_CLOUD_OIDC_TOKEN_FILE) with E(ALIBABA_CLOUD_ROLE_ARN) and E(ALIBABA_CLOUD_OIDC_PROVIDER_ARN),
        E(ALICLOUD_PROFILE) or E(ALIBABA_CLOUD_PROFILE) and E(ALICLOUD_SHARED_CREDENTIALS_FILE) or
        E(ALIBABA_CLOUD_CREDENTIALS_FILE), E(ALICLOUD_ECS_ROLE_NAME) or E(ALIBABA_CLOUD_ECS_METADATA), and
        E(ALIBABA_CLOUD_CREDENTIALS_URI).
      - The environment is that of the host that runs the task. No variable of it overrides or completes an option.
    type: str
  secret_key:
    description:
      - The secret of the access key O(access_key).
    type: str
  security_token:
    description:
      - The token that goes with O(access_key) and O(secret_key) when they are temporary keys of STS.
    type: str
  profile:
    description:
      - The name of a profile in O(shared_credentials_file). If that is not set, the first of C(~/.aliyun/config.json),
        C(~/.alibabacloud/credentials) and C(~/.alibabacloud/credentials.ini) that has a profile of this name.
      - Profiles that stand for a role or a sign-in need the Python package C(alibabacloud-credentials).
    type: str
  shared_credentials_file:
    description:
      - A file with profiles, either the JSON of the C(aliyun) command line tool or the ini file of the vendor's SDKs.
      - If O(profile) is not set, the profile is the current one of the JSON, or C(default) of the ini file.
    type: path
    version_added: 0.2.0
  ecs_role_name:
    description:
      - The RAM role of the ECS instance that runs the task, asked for at the metadata service (IMDSv2 only).
      - Needs the Python package C(alibabacloud-credentials).
    type: str
  assume_role:
    description:
      - A RAM role to take on with the keys found otherwise, whichever these are.
      - If not set, and the keys come from the environment, the role E(ALICLOUD_ASSUME_ROLE_ARN) is used, if there is one,
        with E(ALICLOUD_ASSUME_ROLE_SESSION_NAME) and E(ALICLOUD_ASSUME_ROLE_EXTERNAL_ID).
      - Needs the Python package C(alibabacloud-credentials).
    type: dict
    suboptions:
      role_arn:
        description: The ARN of the role.
        type: str
        required: true
      session_name:
        description: The name of the session in the audit log, V(aliyun_community.slb) if not set.
        type: str
      duration_seconds:
        description:
          - How long the temporary keys are valid, in seconds, V(3600) if not set. A whole number from V(900); how many the
            role allows at most is set in RAM.
        type: raw
      external_id:
        description: The external id that the role asks for.
        type: str
      policy:
        description: A policy in JSON that narrows down what the role may do.
        type: str
      sts_endpoint:
        description:
          - The host of the STS API, as V(sts.aliyuncs.com) or V(host:port). It is always asked by https.
          - If not set, the host in the region E(ALIBABA_CLOUD_STS_REGION), inside a VPC with
            E(ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED) V(true), or else C(sts.aliyuncs.com).
        type: str
  endpoint:
    description:
      - The host of the Slb API, as V(slb-vpc.cn-hangzhou.aliyuncs.com), V(host:port) or a URL. The region decides if it
        is not set.
      - https is used unless the URL itself starts with C(http://), which is meant for the emulator on loopback.
      - If not set, E(ALICLOUD_SLB_ENDPOINT) or E(ALIBABA_CLOUD_SLB_ENDPOINT) is used.
    type: str
  validate_certs:
    description:
      - Whether the certificate of the endpoint must be valid.
    type: bool
    default: true
  ca_path:
    description:
      - A file with the CA certificates to trust in place of the bundled ones, in PEM format, or a folder with such
        files, named as C(openssl rehash) does.
      - STS is asked with them beside the bundled ones.
      - If not set, E(ALIBABA_CLOUD_CA_BUNDLE) is used.
    type: path
  connect_timeout:
    description:
      - How long to wait for a connection, in seconds. A whole number from V(1) to V(86400).
    type: raw
    default: 5
  read_timeout:
    description:
      - How long to wait for an answer, in seconds. A whole number from V(1) to V(86400).
      - Setting weights takes the API 2 to 3 seconds.
    type: raw
    default: 30
  wait_timeout:
    description:
      - How long the whole task may take, in seconds. A whole number from V(1) to V(86400).
      - Busy and throttled answers, lost answers and reading again are all retried within this time. Keys are fetched
        within it, too.
    type: raw
    default: 120
requirements:
  - aliyun-python-sdk-core >= 2.16.1
  - aliyun-python-sdk-slb >= 3.3.22
notes:
  - The packages are needed on the host that runs the task, which is usually the controller, C(delegate_to=localhost).
  - E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY) are honoured.
"""
