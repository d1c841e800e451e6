"""举一反三: which other sites may hold the same hazard: same industry, clause and equipment. Pure."""

from collections.abc import Mapping

from schemas.clauses import Clause
from schemas.deadlines import SimilarRule
from schemas.registry import Place, Site
from streams.duties import LEVEL_DIGITS

Places = Mapping[str, Mapping[str, Place]]  # by site


def similar_sites(
    site: Site, place_id: str, clause: Clause | None, sites: Mapping[str, Site], places: Places, rule: SimilarRule
) -> list[str]:
    """Ids of at most `rule.limit` sites, those of the same enterprise first, then by id.

    Equipment is the class that stands at the hazard's place, else the kind of place. Where the place is not registered
    the equipment is not known: every site of the industry is one that may hold it.
    """
    if clause is None or not site.industry:
        return []
    place = places.get(site.site_id, {}).get(place_id)
    found = [
        (other.enterprise_id != site.enterprise_id or site.enterprise_id is None, other.site_id)
        for other in sites.values()
        if other.site_id != site.site_id
        and other.industry == site.industry
        and other.simulated == site.simulated
        and _near(site, other, rule)
        and (place is None or _has(other, places.get(other.site_id, {}), place))
    ]
    return [site_id for _, site_id in sorted(found)[: rule.limit]]


def _near(site: Site, other: Site, rule: SimilarRule) -> bool:
    if site.enterprise_id is not None and site.enterprise_id == other.enterprise_id:
        return True
    digits = LEVEL_DIGITS[rule.within]
    return bool(site.region) and site.region[:digits] == other.region[:digits]


def _has(other: Site, places: Mapping[str, Place], place: Place) -> bool:
    if place.equipment:
        return place.equipment in other.equipment or any(p.equipment == place.equipment for p in places.values())
    return any(p.kind == place.kind for p in places.values())
