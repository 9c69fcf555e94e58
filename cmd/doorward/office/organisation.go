package office

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
)

// moment is how times stand in tables.
const moment = "2006-01-02 15:04"

// organisations is `doorward admin org`.
func (o *Commands) organisations() *cobra.Command {
	all := table[desk.Organisation]{
		"There is no organisation.",
		[]string{"ORGANISATION", "SHORT", "ID", "CREATED"},
		func(o desk.Organisation) []string {
			return []string{o.Name, o.Short, o.ID, o.Created.Format(moment)}
		},
	}
	return group("org", "Organisations and their members", o.addOrganisation(), &cobra.Command{
		Use: "list", Short: "List the organisations", Args: arguments(0, 0, ""),
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Organisation, error) {
			return d.Organisations(ctx)
		}),
	}, &cobra.Command{
		Use: "remove ORG", Short: "Remove an organisation with its memberships and projects",
		Args: arguments(1, 1, "one organisation's id, name or short name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Organisation, error) {
			return d.RemoveOrganisation(ctx, args[0])
		},
			func(o desk.Organisation) string {
				return fmt.Sprintf("The organisation %s (%s) was removed with its memberships and projects. Its people stay.", o.Name, o.ID)
			}),
	}, o.members())
}

// addOrganisation is `doorward admin org add`.
func (o *Commands) addOrganisation() *cobra.Command {
	var ask desk.NewOrganisation
	cmd := &cobra.Command{
		Use: "add NAME", Short: "Add an organisation", Args: arguments(1, 1, "one name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Organisation, error) {
			ask.Name = args[0]
			return d.AddOrganisation(ctx, ask)
		}, func(made desk.Organisation) string {
			text := fmt.Sprintf("The organisation %s was added as %s.", made.Name, made.ID)
			if ask.Creator != "" {
				text += " " + ask.Creator + " is its first member, and its administrator."
			}
			return text
		}),
	}
	cmd.Flags().StringVar(&ask.Short, "short", "", "a few letters that stand for the name")
	cmd.Flags().StringVar(&ask.Creator, "creator", "", "user name or e-mail address of the person who becomes its first administrator")
	return cmd
}

// members is `doorward admin org member`.
func (o *Commands) members() *cobra.Command {
	all := table[desk.Member]{
		"The organisation has no members.",
		[]string{"USERNAME", "EMAIL", "NAME", "ROLE", "JOINED"},
		func(m desk.Member) []string {
			return []string{m.Username, m.Email, m.Name, m.Role, m.Joined.Format(moment)}
		},
	}
	return group("member", "Who belongs to an organisation", o.addMember(), &cobra.Command{
		Use: "list ORG", Short: "List the members of an organisation", Args: arguments(1, 1, "one organisation's id, name or short name"),
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, args []string) ([]desk.Member, error) {
			return d.Members(ctx, args[0])
		}),
	}, &cobra.Command{
		Use: "remove ORG USERNAME", Short: "Remove somebody from an organisation", Args: arguments(2, 2, "an organisation and a user name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Member, error) {
			return d.RemoveMember(ctx, args[0], args[1])
		},
			func(m desk.Member) string {
				return m.Username + " is no member of " + m.Organisation + " any more. The account and its sessions stay."
			}),
	})
}

// addMember is `doorward admin org member add`, also for who is one: then it changes the role.
func (o *Commands) addMember() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use: "add ORG USERNAME", Short: "Add somebody to an organisation, or change the role of a member",
		Args: arguments(2, 2, "an organisation and a user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			// The office knows the roles too; here the mistake is one of the command line, with its exit code.
			if role != "admin" && role != "member" {
				return authcmd.Usagef("--role must be admin or member")
			}
			return act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Member, error) {
				return d.SetMember(ctx, args[0], args[1], role)
			}, func(m desk.Member) string { return m.Username + " is " + m.Role + " of " + m.Organisation + "." })(cmd, args)
		},
	}
	cmd.Flags().StringVar(&role, "role", "member", "admin or member")
	return cmd
}

// projects is `doorward admin project`.
func (o *Commands) projects() *cobra.Command {
	all := table[desk.Project]{
		"There is no project.",
		[]string{"PROJECT", "ORGANISATION", "ID", "CREATED"},
		func(p desk.Project) []string {
			return []string{p.Name, p.Organisation, p.ID, p.Created.Format(moment)}
		},
	}
	return group("project", "What the work of organisations is kept in", o.addProject(), &cobra.Command{
		Use: "list [ORG]", Short: "List the projects of an organisation, or of all", Args: arguments(0, 1, "one organisation, or none"),
		RunE: list(o, all, func(ctx context.Context, d *desk.Desk, args []string) ([]desk.Project, error) {
			return d.Projects(ctx, optional(args))
		}),
	}, &cobra.Command{
		Use: "remove ORG PROJECT", Short: "Remove a project", Args: arguments(2, 2, "an organisation and a project"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Project, error) {
			return d.RemoveProject(ctx, args[0], args[1])
		},
			func(p desk.Project) string {
				return fmt.Sprintf("The project %s (%s) of %s was removed.", p.Name, p.ID, p.Organisation)
			}),
	})
}

// addProject is `doorward admin project add`.
func (o *Commands) addProject() *cobra.Command {
	var ask desk.NewProject
	cmd := &cobra.Command{
		Use: "add ORG NAME", Short: "Add a project to an organisation", Args: arguments(2, 2, "an organisation and a name"),
		RunE: act(o, func(ctx context.Context, d *desk.Desk, args []string) (desk.Project, error) {
			ask.Organisation, ask.Name = args[0], args[1]
			return d.AddProject(ctx, ask)
		}, func(p desk.Project) string {
			return fmt.Sprintf("The project %s of %s was added as %s.", p.Name, p.Organisation, p.ID)
		}),
	}
	cmd.Flags().StringVar(&ask.Creator, "creator", "", "user name or e-mail address of the person who made it")
	return cmd
}
