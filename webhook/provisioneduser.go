package webhook

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// userWebhook stamps whom a permission level was given to and when, and the id of a
// local user; it keeps levels, roles and names from whoever may not give them.
type userWebhook struct {
	*gate
	administrators *administrators
}

var (
	_ admission.Defaulter[*v1alpha1.ProvisionedUser] = (*userWebhook)(nil)
	_ admission.Validator[*v1alpha1.ProvisionedUser] = (*userWebhook)(nil)
)

var levelPath = field.NewPath("spec", "permissionLevel")

// Default implements admission.Defaulter.
func (w *userWebhook) Default(ctx context.Context, u *v1alpha1.ProvisionedUser) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	old, err := former(w.gate, req, &v1alpha1.ProvisionedUser{})
	if err != nil {
		return err
	}
	if old != nil && old.Spec.Provider != u.Spec.Provider && w.isSelf(req.UserInfo) {
		// A user changes hands, and may come by another name doing so: the manager says
		// to whom the level was given.
		return nil
	}
	c, err := w.change(ctx, old, u)
	if err != nil {
		return err
	}
	stampUser(c)
	return nil
}

func (w *userWebhook) change(ctx context.Context, old, u *v1alpha1.ProvisionedUser) (change, error) {
	c := change{old: old, new: u}
	var err error
	if c.newProvider, err = w.cache.Provider(ctx, u.Spec.Provider); err != nil {
		return c, err
	}
	if old != nil {
		c.oldProvider, err = w.cache.Provider(ctx, old.Spec.Provider)
	}
	return c, err
}

// stampUser sets what no author may choose: when and to whom the permission level
// was given, which move only when the level does or a local user gets another
// subject, and the id of a local user.
func stampUser(c change) {
	spec := &c.new.Spec
	before, after := c.given()
	if c.old == nil || before != after {
		sent := *spec
		spec.PermissionLevelEpoch = spec.Suspensions
		spec.PermissionLevelSubject = grantee(c)
		if c.old == nil {
			keepVoidLevel(spec, &sent)
		}
	} else {
		spec.PermissionLevelEpoch = c.old.Spec.PermissionLevelEpoch
		spec.PermissionLevelSubject = c.old.Spec.PermissionLevelSubject
		if c.renames() {
			spec.PermissionLevelSubject = grantee(c)
		}
	}
	if spec.ID == "" {
		if c.old != nil && c.old.Spec.ID != "" {
			spec.ID = c.old.Spec.ID
		} else if spec.Provider == "" {
			spec.ID = uuid.NewString()
		}
	}
}

// keepVoidLevel keeps the stamps of a user who is made again, from a backup or from
// what somebody has read, where they make the level void. spec has those of today.
func keepVoidLevel(spec, sent *v1alpha1.ProvisionedUserSpec) {
	if sent.PermissionLevelSubject == "" || spec.PermissionLevelSubject == "" {
		return // it never had a level, or has none
	}
	spec.PermissionLevelEpoch = min(spec.PermissionLevelEpoch, sent.PermissionLevelEpoch)
	spec.PermissionLevelSubject = sent.PermissionLevelSubject
}

// grantee is whom a level above User is given to.
func grantee(c change) string {
	if access.Given(c.new) == v1alpha1.LevelUser {
		return ""
	}
	return access.SubjectOf(c.new, c.newProvider).Value
}

// ValidateCreate implements admission.Validator.
func (w *userWebhook) ValidateCreate(ctx context.Context, u *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	if err := w.validate(ctx, nil, u); err != nil {
		return nil, err
	}
	p, err := w.cache.Provider(ctx, u.Spec.Provider)
	if err != nil {
		return nil, err
	}
	if l := access.Level(u, p); l.Level != access.Given(u) {
		return admission.Warnings{"the permission level gives nothing now: " + l.Message}, nil
	}
	return nil, nil
}

// ValidateUpdate implements admission.Validator.
func (w *userWebhook) ValidateUpdate(ctx context.Context, old, u *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	return nil, w.validate(ctx, old, u)
}

// ValidateDelete implements admission.Validator.
func (w *userWebhook) ValidateDelete(ctx context.Context, u *v1alpha1.ProvisionedUser) (admission.Warnings, error) {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	c, err := w.change(ctx, nil, u)
	if err != nil {
		return nil, err
	}
	_, inForce := c.inForce()
	if refused, err := w.assign(ctx, req.UserInfo, above(inForce), levelPath); err != nil {
		return nil, err
	} else if len(refused) > 0 {
		return nil, forbidden("provisionedusers", u.Name, "%s", refused[0].Detail)
	}
	if last, err := w.administrators.userGoes(ctx, u, nil, isDryRun(req)); err != nil {
		return nil, err
	} else if last {
		return nil, forbidden("provisionedusers", u.Name, "%s", lastAdministrator)
	}
	return nil, nil
}

func (w *userWebhook) validate(ctx context.Context, old, u *v1alpha1.ProvisionedUser) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	c, err := w.change(ctx, old, u)
	if err != nil {
		return err
	}
	errs := validateLevel(c, req.UserInfo.Username)
	if c.local() {
		errs = append(errs, validateUserNames(old, u)...)
	}
	if len(errs) > 0 {
		return invalid("ProvisionedUser", u.Name, errs...)
	}
	for _, check := range []func(context.Context, admission.Request, change) (field.ErrorList, error){
		w.assignable, w.unique, w.sameOwner, w.adoptable, w.releasable, w.notTheLast,
	} {
		found, err := check(ctx, req, c)
		if err != nil {
			return err
		}
		if errs = append(errs, found...); len(errs) > 0 {
			// The last check remembers whom it lets go, so that it has to come after the
			// others have let the write pass.
			return invalid("ProvisionedUser", u.Name, errs...)
		}
	}
	return nil
}

// validateLevel checks what a change does to levels, whatever rights its author has.
func validateLevel(c change, author string) field.ErrorList {
	var errs field.ErrorList
	if c.raises(author) {
		errs = append(errs, field.Forbidden(levelPath,
			"nobody raises their own level, whatever their rights: have somebody else do it"))
	}
	before, after := c.given()
	if before != after && after != v1alpha1.LevelUser && c.new.Spec.PermissionLevelSubject == "" {
		errs = append(errs, field.Forbidden(levelPath,
			"the level would go to nobody, or to whoever the user is called next: "+
				access.SubjectOf(c.new, c.newProvider).Message))
	}
	return errs
}

func (w *userWebhook) assignable(ctx context.Context, req admission.Request, c change) (field.ErrorList, error) {
	return w.assign(ctx, req.UserInfo, c.assigned(), levelPath)
}

func (w *userWebhook) unique(ctx context.Context, _ admission.Request, c change) (field.ErrorList, error) {
	if !c.local() || c.old != nil && c.old.Spec.UserName == c.new.Spec.UserName {
		return nil, nil
	}
	taken, err := w.uniqueUserName(ctx, c.new)
	return list(taken), err
}

func (w *userWebhook) sameOwner(ctx context.Context, req admission.Request, c change) (field.ErrorList, error) {
	if !c.local() {
		return nil, nil
	}
	return w.takeover(ctx, req.UserInfo, c)
}

// adoptable: whoever marks a user for adoption hands it to whoever the identity
// provider says the user is; with everything granted locally, whatever that will be
// by then. Otherwise those grants end, a level too.
func (w *userWebhook) adoptable(ctx context.Context, req admission.Request, c change) (field.ErrorList, error) {
	before, after := c.marks()
	if !c.local() || !newlyAdoptable(before, after) {
		return nil, nil
	}
	if after.keeps == "" {
		_, inForce := c.inForce()
		return w.assign(ctx, req.UserInfo, above(inForce), annotationsPath.Key(v1alpha1.AdoptableByAnnotation))
	}
	path := annotationsPath.Key(v1alpha1.AdoptionKeepsAnnotation)
	refused, err := w.attachByRight(ctx, req.UserInfo, everything, path,
		"hand to an identity provider what is granted to the user, now and until the adoption")
	if err != nil {
		return nil, err
	}
	errs, err := w.assign(ctx, req.UserInfo, []v1alpha1.PermissionLevel{everything}, path)
	return append(list(refused), errs...), err
}

// releasable: whoever releases a user takes it from the identity provider, which
// can't suspend it any more, and makes attachments of its memberships. Nobody does
// that to themselves.
func (w *userWebhook) releasable(ctx context.Context, req admission.Request, c change) (field.ErrorList, error) {
	before, after := c.marks()
	if !newlyReleased(before, after) {
		return nil, nil
	}
	path := annotationsPath.Key(v1alpha1.ReleaseAnnotation)
	if isCalled(req.UserInfo.Username, c.new, c.newProvider) {
		return field.ErrorList{field.Forbidden(path,
			"nobody takes themselves from their identity provider, whatever their rights: have somebody else do it")}, nil
	}
	if c.new.Spec.DeprovisionedAt != nil {
		return field.ErrorList{field.Forbidden(path,
			"a user whom the identity provider has deleted is not released: nobody knows what the user will have after a restore")}, nil
	}
	roles, err := w.held(ctx, c.new)
	if err != nil {
		return nil, err
	}
	var errs field.ErrorList
	for _, role := range roles {
		refused, err := w.attachByRight(ctx, req.UserInfo, role, path, fmt.Sprintf("release a user who has the role %q", role))
		if err != nil {
			return nil, err
		}
		errs = append(errs, list(refused)...)
	}
	refused, err := w.assign(ctx, req.UserInfo, above(access.Given(c.new)), path)
	return append(errs, refused...), err
}

// held are the roles, sorted, that a user has or would have but for time and
// suspension, as the API server knows.
func (w *userWebhook) held(ctx context.Context, u *v1alpha1.ProvisionedUser) ([]string, error) {
	roles, err := w.attached(ctx, u)
	if err != nil {
		return nil, err
	}
	for id := range u.Spec.Memberships {
		var list v1alpha1.ProvisionedRoleList
		if err := w.live.List(ctx, &list, "spec.id", id); err != nil {
			return nil, err
		}
		for i := range list.Items {
			if role := &list.Items[i]; role.Spec.Provider == u.Spec.Provider {
				roles = append(roles, role.Name)
			}
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles), nil
}

func (w *userWebhook) notTheLast(ctx context.Context, req admission.Request, c change) (field.ErrorList, error) {
	if c.old == nil {
		return nil, nil
	}
	after := c.new
	if before, marked := c.marks(); c.local() && newlyAdoptable(before, marked) && marked.keeps == "" {
		after = nil // the adoption ends the level
	}
	last, err := w.administrators.userGoes(ctx, c.old, after, isDryRun(req))
	if !last || err != nil {
		return nil, err
	}
	return field.ErrorList{field.Forbidden(removalPath(c), lastAdministrator)}, nil
}

// removalPath is the field whose change takes the level out of force.
func removalPath(c change) *field.Path {
	before, after := c.given()
	switch {
	case before != after:
		return levelPath
	case c.new.Spec.Suspend && !c.old.Spec.Suspend:
		return field.NewPath("spec", "suspend")
	case c.renames():
		return subjectPath(c.old, c.new)
	case newlyAdoptable(c.marks()):
		return annotationsPath.Key(v1alpha1.AdoptableByAnnotation)
	default:
		return field.NewPath("spec", "active")
	}
}

func list(e *field.Error) field.ErrorList {
	if e == nil {
		return nil
	}
	return field.ErrorList{e}
}

func isDryRun(req admission.Request) bool { return req.DryRun != nil && *req.DryRun }
