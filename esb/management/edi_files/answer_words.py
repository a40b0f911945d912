"""What the codes of acknowledgments mean, in our own words, by the data element that carries them."""

from __future__ import annotations

from collections.abc import Mapping

_SEGMENT = """
1 the segment is not known
2 the segment was not expected here
3 a mandatory segment is missing
4 the loop comes too often
5 the segment comes too often
6 the segment does not belong to this set
7 the segment is out of order
8 the segment has faulty elements
I4 the guide does not use the segment
I6 the guide needs the segment here
I7 the loop comes less often than the guide says
I8 the segment comes less often than the guide says
I9 the guide does not want the segment here
"""

_ELEMENT = """
1 the element is mandatory and missing
2 the element is needed because of others that are there
3 there are more elements than the segment has
4 the value is too short
5 the value is too long
6 the value has a character that its type does not take
7 the value is not in the code list
8 the value is no date
9 the value is no time
10 the element may not stand beside others that are there
12 the element is repeated too often
13 the composite has too many components
I6 the code is not one that the guide takes
I9 the guide needs the element here
I10 the guide does not use the element
I11 the element is repeated less often than the guide says
I12 the value has not the form that the guide says
I13 the guide does not want the element here
"""

_SET = """
1 the set is not supported
2 the trailer of the set is missing
3 the control numbers of header and trailer differ
4 the number of segments in the trailer is wrong
5 one or more segments are faulty
6 the set's identifier is missing or wrong
7 the set's control number is missing or wrong
8 authentication: the key name is not known
9 encryption: the key name is not known
10 the service of the security is not available
11 the recipient of the security is not known
12 the length of the encrypted message is wrong
13 authentication failed
15 the security trailer is missing
16 the security header is missing
17 the version of the security is not supported
18 the set is not in this group
19 the set's version is wrong for the group
23 the set's control number comes twice in the group
24 the security trailer's number is wrong
25 the assurance's end is missing
26 the assurance's header is missing
27 the security of the set is not supported
I5 one or more segments break the guide
I6 the guide that is named is not known
"""

_GROUP = """
1 the group is not supported
2 the version of the group is not supported
3 the trailer of the group is missing
4 the control numbers of header and trailer differ
5 the number of sets in the trailer is wrong
6 the group's control number breaks the syntax
10 authentication: the key name is not known
11 encryption: the key name is not known
12 the service of the security is not available
13 the recipient of the security is not known
14 the length of the encrypted message is wrong
15 authentication failed
17 a security trailer is missing
18 the security of the group is not supported
19 the group's control number was used before
"""

_INTERCHANGE = """
000 no error
001 the control numbers of header and trailer differ
002 the standard in the header is not supported
003 the version of the header is not supported
004 the segment terminator is wrong
005 the qualifier of the sender is wrong
006 the sender is wrong
007 the qualifier of the receiver is wrong
008 the receiver is wrong
009 the receiver is not known
010 the qualifier of the authorization is wrong
011 the authorization is wrong
012 the qualifier of the security is wrong
013 the security information is wrong
014 the date is wrong
015 the time is wrong
016 the standard's identifier is wrong
017 the version is wrong
018 the control number is wrong
019 the request for an acknowledgment is wrong
020 the test or production flag is wrong
021 the number of groups is wrong
022 the control structure is wrong
023 the file ended before the interchange did
024 the content is wrong
025 the control number was used before
026 the element separator is wrong
027 the component separator is wrong
"""

_VERDICT = """
A accepted
E accepted, but errors were noted
M rejected, its authentication failed
P partially accepted
R rejected
W rejected, its assurance failed
X rejected, it could not be decrypted
"""


_ACTION = """
1 acknowledged, together with what is in it
4 rejected, together with what is in it
5 the header and trailer are accepted
6 the header and trailer are rejected
7 acknowledged
8 received
"""

_SERVICE = """
2 the version or level of the syntax is not supported
7 the receiver is not the one that got it
12 the value is not valid
13 it is missing
14 the value is not supported here
15 it may not stand here
16 there are too many components or elements
17 there is no agreement about it
18 no reason is given
19 the decimal mark is wrong
20 the character cannot be a service character
21 the character is not in the character set
22 the service character is not valid
23 the sender is not known
24 it is too old
25 test indicators are not supported
26 it came before
27 the security is not supported
28 the references of header and trailer differ
29 the count in the trailer is wrong
30 groups and messages are mixed
31 a group holds messages of several types
32 it is empty
33 it holds something outside of messages and groups
34 the sign is not allowed here
35 it comes too often
36 the group of segments comes too often
37 the character is not of the type
38 there is no digit before the decimal mark
39 the value is too long
40 the value is too short
41 it was lost on the way
42 an element has only blanks that it should not have
43 it is rejected elsewhere
44 its copy came before
45 a separator that is not needed stands at the end
46 the character set is not supported
47 the envelope is not supported
"""


def _read(text: str) -> Mapping[str, str]:
    return {code: words for code, _, words in (line.partition(" ") for line in text.strip().splitlines())}


WORDS: Mapping[str, Mapping[str, str]] = {
    "segment": _read(_SEGMENT),
    "element": _read(_ELEMENT),
    "set": _read(_SET),
    "group": _read(_GROUP),
    "interchange": _read(_INTERCHANGE),
    "verdict": _read(_VERDICT),
    "action": _read(_ACTION),
    "service": _read(_SERVICE),
}
"""level -> code -> words; 997 and 999 share codes, those of a 999 alone begin with I. `action` and `service` are the
codes of a CONTRL (0083 and 0085)."""


def words(level: str, code: str) -> str:
    """Return what a code means; a code that nobody published is repeated."""
    return WORDS[level].get(code, f"code {code or 'missing'}")
