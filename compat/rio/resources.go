package rio

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/doorward/doorward/compat/body"
	"github.com/doorward/doorward/identity"
)

// The shapes of the newer addresses; no member of them is ever left out.
type (
	userMetadata struct {
		GUID string `json:"guid"`
		Name string `json:"name"`
	}
	userOrganisation struct {
		GUID      string   `json:"guid"`
		Name      string   `json:"name"`
		ShortGUID string   `json:"shortGUID"`
		Creator   string   `json:"creator"`
		RoleNames []string `json:"roleNames"`
	}
	userProject struct {
		GUID                string   `json:"guid"`
		Name                string   `json:"name"`
		OrganisationGUID    string   `json:"organizationGUID"`
		OrganisationCreator string   `json:"organizationCreator"`
		Creator             string   `json:"creator"`
		RoleNames           []string `json:"roleNames"`
	}
	userSpec struct {
		FirstName     string             `json:"firstName"`
		LastName      string             `json:"lastName"`
		Email         string             `json:"emailID"`
		Organisations []userOrganisation `json:"organizations"`
		Projects      []userProject      `json:"projects"`
	}
	user struct {
		Kind     string       `json:"kind"`
		Metadata userMetadata `json:"metadata"`
		Spec     userSpec     `json:"spec"`
	}
)

// me says who the token is of, and where this person may work. Projects and organisations are those of the person's
// memberships, never of the request: the header that names an organisation changes nothing here.
func (c *Contract) me(w http.ResponseWriter, r *http.Request) error {
	person, err := c.whose(r)
	if err != nil {
		return err
	}
	memberships, projects, err := c.belongings(r.Context(), person.ID)
	if err != nil {
		return err
	}
	first, last, _ := strings.Cut(person.Name, " ")
	answer := user{"User", userMetadata{person.ID, person.Name}, userSpec{
		first, last, person.Email, []userOrganisation{}, []userProject{},
	}}
	// A project is in one of these organisations, since they were asked for by them; role and creator are the
	// organisation's.
	homes := make(map[string]identity.Membership, len(memberships))
	for _, m := range memberships {
		o := m.Organisation
		homes[o.ID] = m
		answer.Spec.Organisations = append(answer.Spec.Organisations, userOrganisation{
			o.ID, o.Name, o.Short, o.Creator, []string{string(m.Role)},
		})
	}
	for _, p := range projects {
		home := homes[p.OrganisationID]
		answer.Spec.Projects = append(answer.Spec.Projects, userProject{
			p.ID, p.Name, p.OrganisationID, home.Organisation.Creator, p.Creator, []string{string(home.Role)},
		})
	}
	body.Send(w, http.StatusOK, answer)
	return nil
}

// apiVersion is of the schema of a project.
const apiVersion = "api.rapyuta.io/v2"

// usualLimit is how many projects a page holds where the client does not say.
const usualLimit = 50

type (
	projectMetadata struct {
		GUID             string `json:"guid"`
		Name             string `json:"name"`
		OrganisationGUID string `json:"organizationGUID"`
	}
	project struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   projectMetadata `json:"metadata"`
		Spec       struct{}        `json:"spec"`
		Status     struct{}        `json:"status"`
	}
	projectList struct {
		Metadata struct {
			Continue *int `json:"continue"`
		} `json:"metadata"`
		Items []project `json:"items"`
	}
)

// projects lists a page of the projects that the person may see. All are read and the page is cut from them: a person's
// projects are few, and the offset counts what this person may see, so that nobody learns from a gap how many others there
// are.
func (c *Contract) projects(w http.ResponseWriter, r *http.Request) error {
	person, err := c.whose(r)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return &refusal{http.StatusBadRequest, "the query cannot be read"}
	}
	offset, err := number(query, "continue", 0, 0)
	if err != nil {
		return err
	}
	limit, err := number(query, "limit", usualLimit, 1)
	if err != nil {
		return err
	}
	_, all, err := c.belongings(r.Context(), person.ID)
	if err != nil {
		return err
	}
	found := matching(all, query, r.Header.Get("organizationguid"))
	answer := projectList{Items: []project{}}
	begin := min(offset, len(found))
	// So written, no limit overflows.
	end := begin + min(limit, len(found)-begin)
	for _, p := range found[begin:end] {
		answer.Items = append(answer.Items, project{
			APIVersion: apiVersion, Kind: "Project", Metadata: projectMetadata{p.ID, p.Name, p.OrganisationID},
		})
	}
	// Left null at the end of the list, where there is no further page to ask for.
	if end < len(found) {
		answer.Metadata.Continue = &end
	}
	body.Send(w, http.StatusOK, answer)
	return nil
}

// matching keeps the projects that the query asks for. Where it names organisations or a name, the header counts for
// nothing. The query only ever narrows what belongings gave: an organisation that the person is not in yields nothing
// (SEC-140).
func matching(all []identity.Project, query url.Values, header string) []identity.Project {
	organisations, names := given(query["organizations"]), given(query["name"])
	if len(organisations) == 0 && len(names) == 0 {
		organisations = given([]string{header})
	}
	return slices.DeleteFunc(slices.Clone(all), func(p identity.Project) bool {
		return len(organisations) > 0 && !slices.Contains(organisations, p.OrganisationID) ||
			len(names) > 0 && !slices.Contains(names, p.Name)
	})
}

// given drops empty values: a client that has nothing to say may send the name alone.
func given(values []string) []string {
	return slices.DeleteFunc(slices.Clone(values), func(value string) bool { return value == "" })
}

// number reads a number of the query. What is none is refused: a client that believes in a page it did not get would take
// half a list for the whole.
func number(query url.Values, name string, usual, least int) (int, error) {
	text := query.Get(name)
	if text == "" {
		return usual, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < least {
		return 0, &refusal{http.StatusBadRequest, name + " must be a number, " + strconv.Itoa(least) + " or more"}
	}
	return value, nil
}
