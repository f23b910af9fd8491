// Command release makes the parts of a release that the Go toolchain does not:
//
//	release pages FOLDER VERSION    man pages and completions
//	release sbom BINARY VERSION     the components of a binary, as CycloneDX
//	release archive FILE FOLDER     a .tar.gz or .zip of a folder
//
// The same input gives the same bytes. SOURCE_DATE_EPOCH, seconds since 1970,
// is the time of everything that has one.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	date := time.Unix(seconds, 0).UTC()
	if len(args) != 3 {
		return fmt.Errorf("want pages FOLDER VERSION, sbom BINARY VERSION or archive FILE FOLDER, not %q", args)
	}
	switch args[0] {
	case "pages":
		return pages(args[1], args[2], date)
	case "sbom":
		return sbom(os.Stdout, args[1], args[2], date)
	case "archive":
		return archive(args[1], args[2], date)
	}
	return fmt.Errorf("no command %q", args[0])
}
