package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// write lays the lab out in dir, which must be empty or not exist. The index comes last, so that a lab that was cut
// short is not taken for one; after an error dir is left empty.
func (l *lab) write(dir string) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := refuseUsed(root, dir); err != nil {
		return err
	}

	w := labWriter{root: root}
	defer func() {
		if err != nil {
			w.undo()
		}
	}()
	index, err := w.credentials(l)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	const unfinished = labFile + ".new"
	if err := w.file(unfinished, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return root.Rename(unfinished, labFile)
}

// refuseUsed is an error unless the directory is empty.
func refuseUsed(root *os.Root, dir string) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == labFile {
			return fmt.Errorf("%s already holds a lab; choose another directory, or mint with 'gatelab mint -lab %[1]s'", dir)
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (it holds %s) and init never overwrites; choose another directory", dir, entries[0].Name())
	}
	return nil
}

// labWriter creates files and remembers them, to take them back.
type labWriter struct {
	root *os.Root
	made []string
}

// credentials writes the keys first and the DSC certificates last, for a gate may be pointed at those alone.
func (w *labWriter) credentials(l *lab) (labIndex, error) {
	index := labIndex{Country: l.country}
	index.CSCA = labEntry{l.csca.alg, "csca/csca.pem", "keys/csca.pem"}
	for _, dsc := range l.dscs {
		name := strings.ToLower(string(dsc.alg)) + ".pem"
		index.DSC = append(index.DSC, labEntry{dsc.alg, "dsc/" + name, "keys/dsc-" + name})
	}
	signers, entries := l.dscs, index.DSC
	if l.ph4h != nil {
		index.PH4H = &labEntry{l.ph4h.alg, "dsc/ph4h.pem", "keys/dsc-ph4h.pem"}
		signers, entries = append(slices.Clone(signers), *l.ph4h), append(slices.Clone(entries), *index.PH4H)
	}

	if err := w.dir("keys", 0o700); err != nil {
		return index, err
	}
	if err := w.dir("csca", 0o755); err != nil {
		return index, err
	}
	if err := w.dir("dsc", 0o755); err != nil {
		return index, err
	}
	if err := w.key(index.CSCA.Key, l.csca); err != nil {
		return index, err
	}
	for i, entry := range entries {
		if err := w.key(entry.Key, signers[i]); err != nil {
			return index, err
		}
	}
	if err := w.certificate(index.CSCA.Certificate, l.csca); err != nil {
		return index, err
	}
	for i, entry := range entries {
		if err := w.certificate(entry.Certificate, signers[i]); err != nil {
			return index, err
		}
	}
	return index, nil
}

func (w *labWriter) key(name string, c credential) error {
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return err
	}
	return w.file(name, pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der}), 0o600)
}

func (w *labWriter) certificate(name string, c credential) error {
	return w.file(name, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: c.cert.Raw}), 0o644)
}

func (w *labWriter) dir(name string, mode fs.FileMode) error {
	if err := w.root.Mkdir(name, mode); err != nil {
		return err
	}
	w.made = append(w.made, name)
	return nil
}

// file creates name, which must not exist.
func (w *labWriter) file(name string, data []byte, mode fs.FileMode) error {
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	w.made = append(w.made, name)
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// undo removes what was made, newest first.
func (w *labWriter) undo() {
	for i := len(w.made) - 1; i >= 0; i-- {
		_ = w.root.Remove(w.made[i]) // there is an error to report already
	}
}
