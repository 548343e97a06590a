package verify

// issuedUnder has the issuers that are known to have no DSC of their own: the Crown dependencies under the United
// Kingdom, and the two ways in which the Union writes GR and GB (Interinstitutional Style Guide §7.1.1).
var issuedUnder = [...]IssuedUnder{
	{[2]byte{'G', 'G'}, [2]byte{'G', 'B'}},
	{[2]byte{'G', 'I'}, [2]byte{'G', 'B'}},
	{[2]byte{'I', 'M'}, [2]byte{'G', 'B'}},
	{[2]byte{'J', 'E'}, [2]byte{'G', 'B'}},
	{[2]byte{'U', 'K'}, [2]byte{'G', 'B'}},
	{[2]byte{'E', 'L'}, [2]byte{'G', 'R'}},
}

// mayIssue says whether a DSC of country may sign a pass that names issuer, in two letters or, as in WHO's network, three. A pass without an issuer is its DSC's
// country's; a DSC without a country signs for nobody.
func mayIssue(country string, issuer []byte, more []IssuedUnder) bool {
	if len(country) != 2 {
		return false
	}
	if len(issuer) == 0 {
		return true
	}
	pair := IssuedUnder{Country: [2]byte{country[0], country[1]}}
	var ok bool
	if issuer = trimSpaces(issuer); len(issuer) == 2 {
		pair.Issuer = [2]byte{capital(issuer[0]), capital(issuer[1])}
	} else if pair.Issuer, ok = alpha2(issuer); !ok {
		return false
	}
	if pair.Issuer == pair.Country {
		return true
	}
	for _, known := range issuedUnder {
		if pair == known {
			return true
		}
	}
	for _, known := range more {
		if pair == known {
			return true
		}
	}
	return false
}
