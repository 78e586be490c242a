package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/rollcall-dev/rollcall/internal/cli/doctor"
)

type examination struct {
	*plugin
	output
	managerNamespace, url, roots string
	readOnly                     bool
}

func newDoctorCommand(p *plugin) *cobra.Command {
	e := examination{plugin: p}
	cmd := &cobra.Command{
		Use:   "doctor [PROVIDER...]",
		Short: "Find out what is wrong, in the cluster and from outside, and say the cure",
		Long: "Examine an installation: what the cluster needs to have, what the manager may do, whether webhooks answer; and\n" +
			"the SCIM endpoint as an identity provider meets it: name, certificate, answers to a wrong URL and a wrong token,\n" +
			"clock, and Entra's Test Connection, with a token of five minutes that is made for it and taken away;\n" +
			"--read-only leaves that out. It is no contact of the provider's. The wrong token raises RollcallUnauthorized.\n" +
			"Exit 1 if anything does not work. It takes a cluster-admin to see everything.",
		Example:           "  kubectl rollcall doctor\n  kubectl rollcall doctor entra --url https://scim.example.com -o json",
		ValidArgsFunction: p.complete(providerNames, providerNames, providerNames),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.run(cmd.Context(), args) },
	}
	e.addFlag(cmd)
	addManagerNamespace(cmd, &e.managerNamespace)
	cmd.Flags().StringVar(&e.url, "url", "", "where the SCIM endpoint is, such as https://scim.example.com, instead of what the Tenant URLs say")
	cmd.Flags().StringVar(&e.roots, "trust", "", "file of PEM certificates to trust, instead of this machine's authorities")
	cmd.Flags().BoolVar(&e.readOnly, "read-only", false, "leave out Test Connection")
	return cmd
}

func (e *examination) run(ctx context.Context, providers []string) error {
	if err := e.validate(); err != nil {
		return err
	}
	c, err := e.client()
	if err != nil {
		return err
	}
	d := doctor.Doctor{Client: c, Namespace: e.managerNamespace, Providers: providers, URL: e.url, ReadOnly: e.readOnly}
	if e.roots != "" {
		text, err := os.ReadFile(e.roots)
		if err != nil {
			return fmt.Errorf("read --trust: %w", err)
		}
		d.Roots = x509.NewCertPool()
		if !d.Roots.AppendCertsFromPEM(text) {
			return fmt.Errorf("--trust %s: no PEM certificate", e.roots)
		}
	}
	findings := d.Examine(ctx)
	if err := e.print(e.Out, findings, func(out io.Writer) error { return printFindings(out, findings) }); err != nil {
		return err
	}
	if n := doctor.Count(findings, doctor.Skipped); n > 0 {
		fmt.Fprintf(e.ErrOut, "Skipped checks say nothing: %d of %d.\n", n, len(findings))
	}
	if n := doctor.Count(findings, doctor.Failed); n > 0 {
		return fmt.Errorf("%d of %d checks failed", n, len(findings))
	}
	return nil
}

func printFindings(w io.Writer, findings []doctor.Finding) error {
	var l lines
	for _, f := range findings {
		l.addf("%-8s %s: %s", f.Result, f.Check, f.Message)
		if f.Cure != "" {
			l.addf("         Cure: %s", f.Cure)
		}
	}
	_, err := io.WriteString(w, l.String())
	return err
}
