"""Which features a feature requires (5, "Feature bit requirements"): the table of `feat.accept-deps`."""

from __future__ import annotations

from enum import IntEnum

from virtio.spec import DeviceId


class Net(IntEnum):
    """Features of a network device that require others or are required (5.1.3.1)."""

    CSUM = 0
    GUEST_CSUM = 1
    GUEST_TSO4 = 7
    GUEST_TSO6 = 8
    GUEST_ECN = 9
    GUEST_UFO = 10
    HOST_TSO4 = 11
    HOST_TSO6 = 12
    HOST_ECN = 13
    HOST_UFO = 14
    CTRL_VQ = 17
    CTRL_RX = 18
    CTRL_VLAN = 19
    GUEST_ANNOUNCE = 21
    MQ = 22
    CTRL_MAC_ADDR = 23
    HASH_TUNNEL = 51
    VQ_NOTF_COAL = 52
    NOTF_COAL = 53
    GUEST_USO4 = 54
    GUEST_USO6 = 55
    HOST_USO = 56
    HASH_REPORT = 57
    RSS = 60
    RSC_EXT = 61
    RSS_CONTEXT = 64
    GUEST_UDP_TUNNEL_GSO = 65
    GUEST_UDP_TUNNEL_GSO_CSUM = 66
    HOST_UDP_TUNNEL_GSO = 67
    HOST_UDP_TUNNEL_GSO_CSUM = 68


class Crypto(IntEnum):
    """Features of a crypto device (5.9.3)."""

    REVISION_1 = 0
    CIPHER_STATELESS_MODE = 1
    HASH_STATELESS_MODE = 2
    MAC_STATELESS_MODE = 3
    AEAD_STATELESS_MODE = 4
    AKCIPHER_STATELESS_MODE = 5


class Gpu(IntEnum):
    """Features of a GPU (5.7.3)."""

    VIRGL = 0
    RESOURCE_BLOB = 3
    CONTEXT_INIT = 4
    BLOB_ALIGNMENT = 5


Needed = tuple[tuple[IntEnum, ...], ...]
"""All of the groups; of a group any feature."""


def _all(*features: IntEnum) -> Needed:
    return tuple((feature,) for feature in features)


NEEDS: dict[int, dict[IntEnum, Needed]] = {
    DeviceId.NETWORK: {
        **dict.fromkeys((Net.GUEST_TSO4, Net.GUEST_TSO6, Net.GUEST_UFO, Net.GUEST_USO4, Net.GUEST_USO6),
                        _all(Net.GUEST_CSUM)),
        Net.GUEST_ECN: ((Net.GUEST_TSO4, Net.GUEST_TSO6),),
        Net.GUEST_UDP_TUNNEL_GSO: _all(Net.GUEST_TSO4, Net.GUEST_TSO6, Net.GUEST_USO4, Net.GUEST_USO6),
        Net.GUEST_UDP_TUNNEL_GSO_CSUM: _all(Net.GUEST_UDP_TUNNEL_GSO),
        **dict.fromkeys((Net.HOST_TSO4, Net.HOST_TSO6, Net.HOST_UFO, Net.HOST_USO), _all(Net.CSUM)),
        Net.HOST_ECN: ((Net.HOST_TSO4, Net.HOST_TSO6),),
        Net.HOST_UDP_TUNNEL_GSO: _all(Net.HOST_TSO4, Net.HOST_TSO6, Net.HOST_USO),
        Net.HOST_UDP_TUNNEL_GSO_CSUM: _all(Net.HOST_UDP_TUNNEL_GSO),
        **dict.fromkeys((Net.CTRL_RX, Net.CTRL_VLAN, Net.GUEST_ANNOUNCE, Net.MQ, Net.CTRL_MAC_ADDR, Net.NOTF_COAL,
                         Net.VQ_NOTF_COAL, Net.RSS), _all(Net.CTRL_VQ)),
        Net.RSC_EXT: ((Net.HOST_TSO4, Net.HOST_TSO6),),
        Net.HASH_TUNNEL: ((Net.CTRL_VQ,), (Net.RSS, Net.HASH_REPORT)),
        Net.RSS_CONTEXT: _all(Net.CTRL_VQ, Net.RSS),
    },
    DeviceId.CRYPTO: dict.fromkeys(
        (Crypto.CIPHER_STATELESS_MODE, Crypto.HASH_STATELESS_MODE, Crypto.MAC_STATELESS_MODE,
         Crypto.AEAD_STATELESS_MODE, Crypto.AKCIPHER_STATELESS_MODE), _all(Crypto.REVISION_1)),
    DeviceId.GPU: {Gpu.CONTEXT_INIT: _all(Gpu.VIRGL), Gpu.BLOB_ALIGNMENT: _all(Gpu.RESOURCE_BLOB)},
}  # fmt: skip
"""By device type: feature -> what has to be negotiated with it."""


def name_of(feature: IntEnum) -> str:
    """The feature with its bit."""
    return f"{feature.name} (bit {feature:d})"
