package plan

import (
	"reflect"
	"testing"

	"reconciler/internal/binding"
)

// TestAnyOtherDeclarationIsNotTheSame changes each field of a declaration, also those
// that are added later.
func TestAnyOtherDeclarationIsNotTheSame(t *testing.T) {
	one := func() binding.Declaration {
		return binding.Declaration{Name: "pay", Spec: binding.Spec{Instance: "prod"}}
	}
	is := Desired{Declarations: []binding.Declaration{one()}}
	for field := range reflect.TypeFor[binding.Declaration]().Fields() {
		other := one()
		switch v := reflect.ValueOf(&other).Elem().FieldByIndex(field.Index); v.Kind() {
		case reflect.String:
			v.SetString("other")
		case reflect.Slice:
			v.Set(reflect.ValueOf(binding.NewPositions(binding.FieldPosition{Line: 1})))
		case reflect.Struct:
			other.Spec.Username = "other"
		default:
			t.Fatalf("%s is a %s: change it in this test", field.Name, v.Kind())
		}
		before := Desired{Declarations: []binding.Declaration{other}}
		if got, want := is.SameFor("prod", before), field.Name == "Revision"; got != want {
			t.Errorf("with another %s: the same is %v, want %v", field.Name, got, want)
		}
	}
	if more := (Desired{Declarations: []binding.Declaration{one(), one()}}); is.SameFor("prod", more) || more.SameFor("prod", is) {
		t.Error("one declaration and two are the same")
	}
}
