"""Which site a ledger means: by its id, its enterprise's credit code, or a name as people write it. Pure."""

import difflib
from collections.abc import Iterable

from schemas.ids import make_id
from schemas.model import Refused
from schemas.registry import Site
from schemas.table_columns import heading
from schemas.times import Instant

_FORMS = ("有限责任公司", "股份有限公司", "集团有限公司", "有限公司", "公司", "集团")


def plain_name(name: str) -> str:
    """A name without its company form, brackets, spaces and marks: 晋安煤业有限公司 and 晋安煤业 are one."""
    bare = heading(name)
    for form in _FORMS:
        bare = bare.removesuffix(form)
    return bare


class SiteBook:
    """The registry's sites to look names up in. With `register`, a name it does not know becomes a new site."""

    def __init__(self, sites: Iterable[Site], *, register: bool = False, now: Instant | None = None) -> None:
        self._by_id = {site.site_id: site for site in sites}
        self._by_code: dict[str, list[Site]] = {}
        self._by_name: dict[str, list[Site]] = {}
        self._register, self._now = register, now
        self.registered: dict[str, Site] = {}
        for site in self._by_id.values():
            self._index(site)

    def _index(self, site: Site) -> None:
        if site.enterprise_id:
            self._by_code.setdefault(site.enterprise_id, []).append(site)
        for name in {plain_name(site.name), plain_name(site.name_en)} - {""}:
            self._by_name.setdefault(name, []).append(site)

    def find(self, site_id: str, uscc: str, name: str) -> Site:
        """The one site meant. Raises Refused: none is named, none or several fit."""
        if site_id:
            if site_id in self._by_id:
                return self._by_id[site_id]
            raise Refused("site_id", f"登记中没有 the registry has no site {site_id}")
        named = self._by_name.get(plain_name(name), []) if name else []
        owned = self._by_code.get(uscc, []) if uscc else []
        fitting = [site for site in owned if site in named] or owned or named
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            ids = ", ".join(site.site_id for site in fitting[:5])
            raise Refused("enterprise", f"{name or uscc}: 对应多个场所 several sites fit: {ids}")
        if not (name or uscc):
            raise Refused("enterprise", "未写企业 names no enterprise")
        if self._register and name:
            return self._new(uscc, name)
        near = difflib.get_close_matches(plain_name(name), self._by_name, n=3, cutoff=0.6)
        hint = f"; 相近 near: {', '.join(self._by_name[each][0].name for each in near)}" if near else ""
        raise Refused("enterprise", f"{name or uscc}: 登记中没有 not in the registry{hint}")

    def _new(self, uscc: str, name: str) -> Site:
        site_id = make_id("site", uscc or plain_name(name), plain_name(name))
        owner = name if uscc else None  # a ledger's name is the enterprise's
        site = Site(
            site_id=site_id, name=name, enterprise_id=uscc or None, enterprise_name=owner, received_at=self._now
        )
        self._by_id[site_id] = self.registered[site_id] = site
        self._index(site)
        return site
