package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// output is the flag -o of whatever prints more than a line.
type output struct{ format string }

func (o *output) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", "", "json or yaml instead of text for people")
	// The only error is a flag that doesn't exist.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
}

// validate is called before anything is done.
func (o *output) validate() error {
	switch o.format {
	case "", "json", "yaml":
		return nil
	default:
		return fmt.Errorf("unknown output format %q: want json or yaml", o.format)
	}
}

// print writes value in the format that was asked for, or text for people.
func (o *output) print(w io.Writer, value any, text func(io.Writer) error) error {
	switch o.format {
	case "json":
		b, err := json.MarshalIndent(value, "", "  ")
		if err != nil {
			return fmt.Errorf("write JSON: %w", err)
		}
		_, err = fmt.Fprintf(w, "%s\n", b)
		return err
	case "yaml":
		b, err := yaml.Marshal(value)
		if err != nil {
			return fmt.Errorf("write YAML: %w", err)
		}
		_, err = w.Write(b)
		return err
	default:
		return text(w)
	}
}

// table writes aligned columns, as kubectl does. The first row is the heading.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 6, 4, 3, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = visible(cell)
		}
		if _, err := fmt.Fprintln(t, strings.Join(cells, "\t")); err != nil {
			return err
		}
	}
	return t.Flush()
}
