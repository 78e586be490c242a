package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pack makes an archive of the kind that its name says. The same files make the same
// bytes: it knows no time and no owner.
func pack(name string, files ...string) ([]byte, error) {
	var archive bytes.Buffer
	var add func(name string, mode fs.FileMode, text []byte) error
	var closers []io.Closer
	switch {
	case strings.HasSuffix(name, ".tar.gz"):
		zipped := gzip.NewWriter(&archive)
		w := tar.NewWriter(zipped)
		closers = []io.Closer{w, zipped}
		add = func(name string, mode fs.FileMode, text []byte) error {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
				return err
			}
			_, err := w.Write(text)
			return err
		}
	case strings.HasSuffix(name, ".zip"):
		w := zip.NewWriter(&archive)
		closers = []io.Closer{w}
		add = func(name string, mode fs.FileMode, text []byte) error {
			header := &zip.FileHeader{Name: name, Method: zip.Deflate}
			header.SetMode(mode)
			entry, err := w.CreateHeader(header)
			if err != nil {
				return err
			}
			_, err = entry.Write(text)
			return err
		}
	default:
		return nil, fmt.Errorf("%s is no archive that Krew knows", name)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o755)
		if filepath.Base(file) == "LICENSE" {
			mode = 0o644
		}
		if err := add(filepath.Base(file), mode, text); err != nil {
			return nil, fmt.Errorf("pack %s: %w", file, err)
		}
	}
	for _, c := range closers {
		if err := c.Close(); err != nil {
			return nil, err
		}
	}
	return archive.Bytes(), nil
}
