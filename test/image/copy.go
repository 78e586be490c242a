package image

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// copy carries out a COPY, from the source tree or from another stage.
func (s *stage) copy(c *instructions.CopyCommand, source string, stages map[string]*stage) error {
	origin, ignored := source, (*patternmatcher.PatternMatcher)(nil)
	if c.From == "" {
		var err error
		if ignored, err = ignore(source); err != nil {
			return err
		}
	} else {
		other, ok := stages[c.From]
		if !ok {
			return fmt.Errorf("there is no stage %q", c.From)
		}
		origin = other.Root
	}
	for _, name := range c.SourcePaths {
		from := filepath.Join(origin, name)
		if _, err := os.Lstat(from); os.IsNotExist(err) && c.From != "" && stages[c.From].from != "scratch" {
			from = name // of the image that the machine stands in for
		}
		to := s.path(c.DestPath)
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if !info.IsDir() && strings.HasSuffix(c.DestPath, "/") {
			to = filepath.Join(to, filepath.Base(from))
		}
		if err := copyTree(from, to, ignored); err != nil {
			return err
		}
	}
	return nil
}

// ignore has the patterns of .dockerignore.
func ignore(source string) (*patternmatcher.PatternMatcher, error) {
	file, err := os.Open(filepath.Join(source, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return patternmatcher.New(patterns)
}

func copyTree(from, to string, ignored *patternmatcher.PatternMatcher) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name == ".git" {
				return filepath.SkipDir // nobody lets it through
			}
			return nil
		}
		if ignored != nil {
			if skip, err := ignored.MatchesOrParentMatches(name); err != nil || skip {
				return err
			}
		}
		return copyFile(path, filepath.Join(to, name))
	})
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, text, info.Mode().Perm())
}
