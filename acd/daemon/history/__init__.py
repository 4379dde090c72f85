"""TEMPORARY stand-in by the lead, until HISTORY's own is here: overwrite it."""


class History:
    def __init__(self, *given: object) -> None:
        pass

    def folded(self) -> int:
        return 10**12
