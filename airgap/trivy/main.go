// Command database writes a vulnerability database in Trivy's format from a file of advisories.
//
//	database -advisories FILE -updated 2026-01-31 -java DIR -output DIR
//
// The output gets db.tar.gz, the one layer of the artifact that Trivy downloads, with a Java database
// in its folder java-db. The same advisories, Java database and day give the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/metadata"
)

// note goes into the archive beside the database: whoever reports on it can say what it is.
const note = "This vulnerability database is a fixture: a handful of real advisories for a few packages. " +
	"It proves that databases are fetched and findings are handled; " +
	"that it finds nothing in an image says nothing about that image.\n"

// valid is how long a database stays the newest, as with the real one.
const valid = 24 * time.Hour

func main() {
	advisories := flag.String("advisories", "", "the `file` of advisories")
	updated := flag.String("updated", "", "the `day` the database is of, as 2026-01-31")
	java := flag.String("java", "", "the `folder` of a Java database")
	output := flag.String("output", "", "the `folder` that gets db.tar.gz")
	flag.Parse()
	if err := run(*advisories, *updated, *java, *output); err != nil {
		fmt.Fprintln(os.Stderr, "database:", err)
		os.Exit(1)
	}
}

func run(advisories, updated, java, output string) error {
	day, err := time.Parse(time.DateOnly, updated)
	if err != nil {
		return fmt.Errorf("-updated %q is not a day such as 2026-01-31", updated)
	}
	list, err := read(advisories)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(output, "database-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := list.write(work); err != nil {
		return err
	}
	about := metadata.Metadata{Version: 2, UpdatedAt: day, NextUpdate: day.Add(valid)}
	if err := metadata.NewClient(work).Update(about); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(work, "NOTE"), []byte(note), 0o644); err != nil {
		return err
	}
	files := map[string]string{}
	for _, name := range []string{"NOTE", "metadata.json", "trivy.db"} {
		files[name] = filepath.Join(work, name)
	}
	for _, name := range []string{"metadata.json", "trivy-java.db"} {
		files["java-db/"+name] = filepath.Join(java, name)
	}
	return pack(files, filepath.Join(output, "db.tar.gz"), day)
}

func read(path string) (advisories, error) {
	var list advisories
	text, err := os.ReadFile(path)
	if err != nil {
		return list, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return list, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return list, fmt.Errorf("%s: more than one JSON value", path)
	}
	if err := list.check(); err != nil {
		return list, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

func pack(files map[string]string, target string, day time.Time) (err error) {
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	zipped := gzip.NewWriter(file)
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content, err := os.ReadFile(files[name])
		if err != nil {
			return err
		}
		header := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), ModTime: day, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}
