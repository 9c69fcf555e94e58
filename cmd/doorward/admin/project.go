package admin

import (
	"net/http"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
)

// addProject leaves it to the store that a name is one project's in its organisation: no two at once get the same.
func (o *Office) addProject(r *http.Request) (any, error) {
	var ask desk.NewProject
	if err := readBody(r, &ask); err != nil {
		return nil, err
	}
	ctx := r.Context()
	if err := identity.CheckName("name", ask.Name); err != nil {
		return nil, err
	}
	organisation, err := o.organisation(ctx, ask.Organisation)
	if err != nil {
		return nil, err
	}
	creator, err := o.optional(ctx, ask.Creator)
	if err != nil {
		return nil, err
	}
	made := identity.Project{
		ID: newID("project-"), OrganisationID: organisation.ID, Name: ask.Name, Creator: creator.ID, Created: o.now(),
	}
	if err := o.Projects.AddProject(ctx, made); err != nil {
		return nil, taken(err, "The organisation has a project of this name.")
	}
	o.note(ctx, authority.Event{Kind: authority.EventProjectAdded, Detail: made.ID})
	return shownProject(made, organisation), nil
}

// projects lists them organisation by organisation, in the order of those.
func (o *Office) projects(r *http.Request) (any, error) {
	organisations, err := o.allOrganisations(r.Context())
	if err != nil {
		return nil, err
	}
	if ref := r.FormValue("organisation"); ref != "" {
		one, err := o.organisation(r.Context(), ref)
		if err != nil {
			return nil, err
		}
		organisations = []identity.Organisation{one}
	}
	projects := []desk.Project{}
	for _, organisation := range organisations {
		all, err := o.Projects.ListProjects(r.Context(), []string{organisation.ID})
		if err != nil {
			return nil, err
		}
		for _, project := range all {
			projects = append(projects, shownProject(project, organisation))
		}
	}
	return projects, nil
}

// removeProject finds a project in its organisation alone: names are unique there and nowhere else.
func (o *Office) removeProject(r *http.Request) (any, error) {
	organisation, err := o.organisation(r.Context(), r.FormValue("organisation"))
	if err != nil {
		return nil, err
	}
	all, err := o.Projects.ListProjects(r.Context(), []string{organisation.ID})
	if err != nil {
		return nil, err
	}
	found, err := pick("project", r.FormValue("project"), all, func(p identity.Project) string { return p.ID },
		func(p identity.Project) []string { return []string{p.Name} })
	if err != nil {
		return nil, err
	}
	if err := o.Register.RemoveProject(r.Context(), found.ID); err != nil {
		return nil, missing(err, "project", found.ID)
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventProjectRemoved, Detail: found.ID})
	return shownProject(found, organisation), nil
}

// shownProject is a project with the name of its organisation.
func shownProject(p identity.Project, o identity.Organisation) desk.Project {
	return desk.Project{
		ID: p.ID, Name: p.Name, OrganisationID: o.ID, Organisation: o.Name, Creator: p.Creator, Created: p.Created.UTC(),
	}
}
