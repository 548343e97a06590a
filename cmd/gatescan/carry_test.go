package main

import (
	"encoding"
	"reflect"
	"slices"
	"testing"
)

// noPath are the keys that hold texts and name nothing on this device. A new key that holds a text is put here, or gets the
// tag "carry", so that an export does not forget it.
var noPath = []string{
	"reader.module", "reader.no_read", "reader.parity", "trust.barred", "trust.directory_domains", "trust.source.name", "trust.source.kind", "trust.source.urls", "trust.source.signer",
	"trust.source.domain", "trust.source.environment", "trust.source.usage", "trust.source.participants", "trust.source.countries", "trust.source.pins",
	"policy.kinds", "selftest.daily", "policy.tolerate", "policy.issuers", "rules.country", "rules.region", "rules.mode", "icvp.diseases",
	"icvp.complete", "icvp.unknown_version", "turnstile.mode",
	"turnstile.direction", "status.address", "status.name", "status.hosts", "status.proxies", "daemon.group",
}

func TestEveryTextIsCarriedOrIsNoPath(t *testing.T) {
	hows := []carriage{carryFile, carrySecret, carryDirectory, carryLogin, carryNever}
	seen := map[string]bool{}
	var walk func(reflect.Type, string)
	walk = func(table reflect.Type, prefix string) {
		for field := range table.Fields() {
			name, inner := prefix+field.Tag.Get("toml"), field.Type
			if !field.IsExported() || reflect.PointerTo(inner).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
				continue
			}
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			how, tagged := field.Tag.Lookup("carry")
			switch {
			case inner.Kind() == reflect.Struct:
				walk(inner, name+".")
			case tagged && (field.Type.Kind() != reflect.String || !slices.Contains(hows, carriage(how))):
				t.Errorf("%s cannot have the tag carry:%q", name, how)
			case inner.Kind() == reflect.String && tagged == slices.Contains(noPath, name):
				t.Errorf("%s: give it the tag \"carry\", or put it among noPath", name)
			}
			seen[name] = true
		}
	}
	walk(reflect.TypeFor[config](), "")
	for _, name := range noPath {
		if !seen[name] {
			t.Errorf("there is no key %s", name)
		}
	}
}
