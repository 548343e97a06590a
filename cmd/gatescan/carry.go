package main

import (
	"net/url"
	"path/filepath"
	"reflect"
	"strconv"
)

// carriage is what an export does with what a key holds. The tag "carry" of a member of the configuration says it, and a
// test sees to it that no key is forgotten.
type carriage string

const (
	carryFile      carriage = "file"      // path of a file, which goes along
	carrySecret    carriage = "secret"    // path of a file, which goes along if that is asked for
	carryDirectory carriage = "directory" // path of a directory, of which the files directly in it go along, or of one file
	carryLogin     carriage = "login"     // a URL that may hold a password
	carryNever     carriage = "never"     // path of what is this device's own: what it remembers, what it is built of
)

// carriedKey is a key that has such a tag.
type carriedKey struct {
	name   string // like trust.source[1].anchors
	how    carriage
	source string  // kind of the source that it belongs to, if any
	value  *string // in the configuration
}

// carriedKeys lists them, in the order of the configuration's members.
func (c *config) carriedKeys() []carriedKey { return carriedIn(reflect.ValueOf(c).Elem(), "") }

func carriedIn(v reflect.Value, table string) (keys []carriedKey) {
	for i := range v.NumField() {
		field, value := v.Type().Field(i), v.Field(i)
		if !field.IsExported() {
			continue
		}
		name := table + field.Tag.Get("toml")
		switch how := carriage(field.Tag.Get("carry")); {
		case how != "":
			key := carriedKey{name: name, how: how, value: value.Addr().Interface().(*string)}
			if source, is := v.Interface().(sourceConfig); is {
				key.source = source.Kind
			}
			keys = append(keys, key)
		case field.Type.Kind() == reflect.Struct:
			keys = append(keys, carriedIn(value, name+".")...)
		case field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct:
			for n := range value.Len() {
				keys = append(keys, carriedIn(value.Index(n), name+"["+strconv.Itoa(n+1)+"].")...)
			}
		}
	}
	return keys
}

// isPath is whether the key names a file or directory that goes along, and is not empty.
func (k carriedKey) isPath() bool {
	return *k.value != "" && (k.how == carryFile || k.how == carrySecret || k.how == carryDirectory)
}

// holdsPassword is whether the key is a URL with a password in it.
func (k carriedKey) holdsPassword() bool {
	if k.how != carryLogin {
		return false
	}
	u, err := url.Parse(*k.value)
	return err != nil || u.User != nil
}

// inside is the path below dir, if it is below it.
func inside(dir, path string) (below string, ok bool) {
	below, err := filepath.Rel(dir, under(dir, path))
	return below, err == nil && filepath.IsLocal(below)
}
