package manifest

import "reconciler/schema"

// nodes is where trees are made: most of what the check of a file would allocate.
type nodes struct {
	// again says that nobody uses a document's tree when the next one is made, which
	// takes its place.
	again bool
	// free and used are nodes and how many of them the trees have, pointers and given
	// the same of the slices of children.
	free     []node
	used     int
	pointers []*node
	given    int
}

// atOnce is how many nodes are made at once, at least.
const atOnce = 64

// next begins with the next document.
func (s *nodes) next() {
	if s.again {
		s.used, s.given = 0, 0
	}
	if len(s.free) > maxDocumentValues {
		*s = nodes{again: s.again} // One hostile document does not cost memory to the end.
	}
}

func (s *nodes) node() *node {
	if s.used == len(s.free) {
		// Those that are in use stay where they are.
		s.free, s.used = make([]node, max(atOnce, 2*len(s.free))), 0
	}
	n := &s.free[s.used]
	s.used++
	*n = node{}
	return n
}

// children is an empty slice with room for so many.
func (s *nodes) children(most int) []*node {
	if most > len(s.pointers)-s.given {
		s.pointers, s.given = make([]*node, max(atOnce, 2*len(s.pointers), most)), 0
	}
	s.given += most
	return s.pointers[s.given-most : s.given-most : s.given]
}

// plainMaps are the maps of documents as plain data. Documents of one definition
// need the same ones again.
type plainMaps struct {
	free  map[*schema.Field][]map[string]any
	given []givenMap
}

// givenMap is a map in use, of what the schema says about a field.
type givenMap struct {
	of     *schema.Field
	fields map[string]any
}

// of gives an empty map for a struct.
func (p *plainMaps) of(f *schema.Field) map[string]any {
	var m map[string]any
	if free := p.free[f]; len(free) > 0 {
		m, p.free[f] = free[len(free)-1], free[:len(free)-1]
	} else {
		m = make(map[string]any, len(f.Fields))
	}
	p.given = append(p.given, givenMap{f, m})
	return m
}

// release takes all maps back: nobody uses them now.
func (p *plainMaps) release() {
	if p.free == nil {
		p.free = map[*schema.Field][]map[string]any{}
	}
	for _, g := range p.given {
		clear(g.fields)
		p.free[g.of] = append(p.free[g.of], g.fields)
	}
	p.given = p.given[:0]
}
