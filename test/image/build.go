package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Image is what the last stage of a Dockerfile makes.
type Image struct {
	// Root is the folder with its files.
	Root       string
	Entrypoint []string
	// User is "UID:GID".
	User   string
	Labels map[string]string
}

// stage is one of a Dockerfile, under way.
type stage struct {
	Image
	// from is the name of the image it begins with.
	from    string
	workDir string
	args    map[string]string
}

// Build carries out the Dockerfile of a source tree in a folder, with build
// arguments. An image that a stage begins with is stood in for by this machine: the
// stage runs its commands, and copies what it has not made itself.
func Build(ctx context.Context, source, dir string, args map[string]string) (*Image, error) {
	file, err := os.Open(filepath.Join(source, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("parse the Dockerfile: %w", err)
	}
	steps, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, fmt.Errorf("parse the Dockerfile: %w", err)
	}
	known := map[string]string{"TARGETOS": "linux", "TARGETARCH": runtime.GOARCH}
	for name, value := range args {
		known[name] = value
	}
	stages := map[string]*stage{}
	var last *stage
	for _, s := range steps {
		root, err := os.MkdirTemp(dir, "stage")
		if err != nil {
			return nil, err
		}
		if err := os.Chmod(root, 0o755); err != nil {
			return nil, err
		}
		last = &stage{Image: Image{Root: root, Labels: map[string]string{}}, from: s.BaseName, workDir: "/", args: map[string]string{}}
		stages[s.Name] = last
		for _, command := range s.Commands {
			if err := last.do(ctx, command, source, stages, known); err != nil {
				return nil, fmt.Errorf("the Dockerfile's %s: %w", command, err)
			}
		}
	}
	return &last.Image, nil
}

// do carries out one command. One that this doesn't know is an error, so that nothing
// is proved of another image than the Dockerfile's.
func (s *stage) do(ctx context.Context, command instructions.Command, source string, stages map[string]*stage, known map[string]string) error {
	if c, ok := command.(instructions.SupportsSingleWordExpansion); ok {
		if err := c.Expand(s.expand); err != nil {
			return err
		}
	}
	switch c := command.(type) {
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			s.args[arg.Key] = arg.ValueString()
			if value, ok := known[arg.Key]; ok {
				s.args[arg.Key] = value
			}
		}
	case *instructions.WorkdirCommand:
		s.workDir = c.Path
		return os.MkdirAll(s.path(c.Path), 0o755)
	case *instructions.LabelCommand:
		for _, label := range c.Labels {
			s.Labels[label.Key] = label.Value
		}
	case *instructions.UserCommand:
		s.User = c.User
	case *instructions.EntrypointCommand:
		s.Entrypoint = c.CmdLine
	case *instructions.CopyCommand:
		return s.copy(c, source, stages)
	case *instructions.RunCommand:
		return s.run(ctx, c)
	default:
		return fmt.Errorf("the test doesn't know what %s does", command.Name())
	}
	return nil
}

func (s *stage) expand(word string) (string, error) {
	expanded, _, err := shell.NewLex('\\').ProcessWord(word, shell.EnvsFromSlice(s.environment()))
	return expanded, err
}

func (s *stage) environment() []string {
	var env []string
	for name, value := range s.args {
		env = append(env, name+"="+value)
	}
	return env
}

// path is where the machine has a file of the stage.
func (s *stage) path(name string) string {
	if !strings.HasPrefix(name, "/") {
		name = filepath.Join(s.workDir, name)
	}
	return filepath.Join(s.Root, name)
}

func (s *stage) run(ctx context.Context, c *instructions.RunCommand) error {
	if s.from == "scratch" {
		return fmt.Errorf("there is no shell in scratch")
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", strings.Join(c.CmdLine, " "))
	cmd.Dir = s.path(".")
	cmd.Env = append(append(os.Environ(), "GOFLAGS="), s.environment()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
