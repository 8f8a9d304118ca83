package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pep440 "github.com/aquasecurity/go-pep440-version"
	semantic "github.com/aquasecurity/go-version/pkg/version"
	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/types"
	"github.com/aquasecurity/trivy-db/pkg/vulnsrc/bucket"
	deb "github.com/knqyf263/go-deb-version"
	"go.etcd.io/bbolt"
)

// advisories is the file: for each ecosystem what is known of its packages.
type advisories struct {
	Python []advisory `json:"python"`
	Go     []advisory `json:"go"`
	Maven  []advisory `json:"maven"`
	Debian []advisory `json:"debian 13"`
}

// advisory is one vulnerability of one package, with the place its facts are from.
type advisory struct {
	Package    string   `json:"package"`
	ID         string   `json:"id"`
	Severity   string   `json:"severity"`
	Vulnerable []string `json:"vulnerable"` // Python, Go and Maven: any of these ranges
	Fixed      []string `json:"fixed"`      // Debian: one version, or none where there is no fix
	Title      string   `json:"title"`
	Source     string   `json:"source"`
}

var identifier = regexp.MustCompile(`^(CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3})$`)

// check refuses what Trivy would pass over in silence: it logs a range or version
// that it cannot read at most in its debug log, and reports nothing.
func (list advisories) check() error {
	seen := map[string]bool{}
	for _, each := range slices.Concat(list.Python, list.Go, list.Maven, list.Debian) {
		if !identifier.MatchString(each.ID) || each.Package == "" || each.Title == "" || each.Source == "" {
			return fmt.Errorf("advisory %q of %q: id, package, title and source are needed", each.ID, each.Package)
		}
		if seen[each.ID] {
			return fmt.Errorf("%s is there twice", each.ID)
		}
		seen[each.ID] = true
		if _, err := types.NewSeverity(each.Severity); err != nil {
			return fmt.Errorf("%s of %s: %w", each.ID, each.Package, err)
		}
	}
	for _, each := range list.Python {
		if each.Package != strings.ToLower(strings.ReplaceAll(each.Package, "_", "-")) {
			return fmt.Errorf("package %q: write it in lower case with '-'", each.Package)
		}
		if err := checkRanges(each, func(text string) error { _, err := pep440.NewSpecifiers(text); return err }); err != nil {
			return err
		}
	}
	for _, each := range slices.Concat(list.Go, list.Maven) {
		if err := checkRanges(each, func(text string) error { _, err := semantic.NewConstraints(text); return err }); err != nil {
			return err
		}
	}
	for _, each := range list.Debian {
		if len(each.Fixed) > 1 || len(each.Vulnerable) > 0 {
			return fmt.Errorf("%s of %s: for Debian, one fixed version and no ranges", each.ID, each.Package)
		}
		for _, version := range each.Fixed {
			if _, err := deb.NewVersion(version); err != nil {
				return fmt.Errorf("%s of %s: fixed %q: %w", each.ID, each.Package, version, err)
			}
		}
	}
	return nil
}

func checkRanges(each advisory, parse func(string) error) error {
	if len(each.Vulnerable) == 0 {
		return fmt.Errorf("%s of %s: no vulnerable range", each.ID, each.Package)
	}
	for _, text := range each.Vulnerable {
		if err := parse(text); err != nil {
			return fmt.Errorf("%s of %s: range %q: %w", each.ID, each.Package, text, err)
		}
	}
	return nil
}

var (
	languages = types.DataSource{ID: "osv", Name: "fixture of OSV advisories", URL: "https://osv.dev"}
	debian    = types.DataSource{
		ID: "debian", Name: "fixture of Debian's security tracker", URL: "https://security-tracker.debian.org",
	}
)

// write makes trivy.db in the folder. One put is one transaction: within one, the order in
// which the library lays out pages is that of a Go map, another in each run.
func (list advisories) write(folder string) error {
	if err := db.Init(folder, db.WithBoltOptions(&bbolt.Options{NoSync: true, NoFreelistSync: true})); err != nil {
		return err
	}
	defer db.Close()
	python, err := bucket.NewPyPI(languages)
	if err != nil {
		return err
	}
	if err := put(python.Name(), languages, list.Python, rangesDetail); err != nil {
		return err
	}
	modules, err := bucket.NewGo(languages)
	if err != nil {
		return err
	}
	if err := put(modules.Name(), languages, list.Go, rangesDetail); err != nil {
		return err
	}
	archives, err := bucket.NewMaven(languages)
	if err != nil {
		return err
	}
	if err := put(archives.Name(), languages, list.Maven, rangesDetail); err != nil {
		return err
	}
	if err := put(bucket.NewDebian("13").Name(), debian, list.Debian, debianDetail); err != nil {
		return err
	}
	return update(func(_ db.Operation, tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("advisory-detail")) })
}

func put(top string, source types.DataSource, list []advisory, detail func(advisory) types.Advisory) error {
	err := update(func(to db.Operation, tx *bbolt.Tx) error { return to.PutDataSource(tx, top, source) })
	if err != nil {
		return err
	}
	for _, each := range list {
		severity, _ := types.NewSeverity(each.Severity)
		about := types.Vulnerability{
			Title:          each.Package + ": " + each.Title,
			References:     []string{"https://nvd.nist.gov/vuln/detail/" + each.ID},
			VendorSeverity: types.VendorSeverity{source.ID: severity},
		}
		found := detail(each)
		for _, step := range []func(db.Operation, *bbolt.Tx) error{
			func(to db.Operation, tx *bbolt.Tx) error { return to.PutVulnerability(tx, each.ID, about) },
			func(to db.Operation, tx *bbolt.Tx) error {
				return to.PutAdvisoryDetail(tx, each.ID, each.Package, []string{top}, &found)
			},
			func(to db.Operation, tx *bbolt.Tx) error { return to.SaveAdvisoryDetails(tx, each.ID) },
		} {
			if err := update(step); err != nil {
				return err
			}
		}
	}
	return nil
}

func update(step func(db.Operation, *bbolt.Tx) error) error {
	to := db.Config{}
	return to.Connection().Update(func(tx *bbolt.Tx) error { return step(to, tx) })
}

func rangesDetail(each advisory) types.Advisory {
	return types.Advisory{VulnerableVersions: each.Vulnerable, PatchedVersions: each.Fixed}
}

func debianDetail(each advisory) types.Advisory {
	if len(each.Fixed) == 0 {
		return types.Advisory{Status: types.StatusAffected}
	}
	return types.Advisory{FixedVersion: each.Fixed[0]}
}
