"""Who owns what of a split queue, as the driver can know: a chain is the device's from the store of avail.idx on, and
the driver's again once it has loaded a used.idx that lies beyond it (2.7.13, 2.7.14)."""

from __future__ import annotations

from virtio.watched import ChainAvailable


def reached(index: int, by: int) -> bool:
    """Whether a 16-bit index that counts on for ever has come to `index` when it is `by`."""
    return (by - index) & 0xFFFF < 0x8000


class Ownership:
    """One queue. `chains` are the device's, by head; `seen` is used.idx as the driver loaded it last, `used` as it is.

    All of it is bounded by the size of the queue.
    """

    def __init__(self) -> None:
        self.chains: dict[int, ChainAvailable] = {}
        self.seen = self.used = 0
        self._returned: dict[int, int] = {}
        self._descriptors: dict[int, int] = {}
        self._taken: set[int] = set()

    @property
    def outstanding(self) -> int:
        """How many chains the device has not returned."""
        return len(self.chains) - len(self._returned)

    def available(self, chain: ChainAvailable) -> None:
        """The driver made it available."""
        self._release(chain.head)  # a head that is made available twice
        self.chains[chain.head] = chain
        for index, *_ in chain.descriptors:
            self._descriptors[index] = chain.head

    def returned(self, head: int, used_idx: int) -> None:
        """The device put it into the used ring, which the driver does not know yet."""
        self.used = used_idx
        if head in self.chains:
            self._returned[head] = used_idx

    def looked(self, used_idx: int) -> bool:
        """The driver loaded used.idx; whether it got something back by that."""
        self.seen = used_idx
        back = [head for head, after in self._returned.items() if reached(after, used_idx)]
        for head in back:
            position = self.chains[head].avail_idx
            self._release(head)
            # the device takes chains in their order, so it has taken those before this one too
            self._taken |= {other.head for other in self.chains.values() if reached(other.avail_idx, position)}
        return bool(back)

    def _release(self, head: int) -> None:
        chain = self.chains.pop(head, None)
        self._returned.pop(head, None)
        self._taken.discard(head)
        for index, *_ in chain.descriptors if chain is not None else ():
            if self._descriptors.get(index) == head:
                del self._descriptors[index]

    def owner_of_descriptor(self, index: int) -> ChainAvailable | None:
        """The chain of the device's that descriptor `index` is in."""
        head = self._descriptors.get(index)
        return None if head is None else self.chains.get(head)

    def owner_of_entry(self, slot: int, size: int) -> ChainAvailable | None:
        """The chain of the device's that entry `slot` of the avail ring names, and that it may not have taken yet."""
        for chain in self.chains.values():
            if chain.avail_idx % size == slot and chain.head not in self._taken:
                return chain
        return None

    def buffers_at(self, address: int, width: int) -> list[tuple[ChainAvailable, bool]]:
        """The chains of the device's that have a byte of [address, address + width), and whether it may write there."""
        end = address + width
        return [
            (chain, writable)
            for chain in self.chains.values()
            for start, length, writable in chain.buffers
            if start < end and address < start + length
        ]
