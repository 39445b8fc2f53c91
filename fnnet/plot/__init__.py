"""Pictures of networks and of their training. Needs the extra ``plot`` (Matplotlib).

    from fnnet import plot
    ax = plot.learning_curves(trained)
    plot.save(ax, "curves.pdf")

Each function draws one picture and returns its Axes. With ``ax=`` it draws into an Axes of yours, whose style it leaves
alone; without, it makes a figure of its own, which a notebook shows where the Axes is the last value of a cell. No
function imports ``pyplot`` or changes a global setting, so none needs a display. Colours are those of M. Okabe and
K. Ito (Color Universal Design, 2008), which colour-blind readers can tell apart; markers, dashes and lightness say the
same in grey.
"""

from importlib.util import find_spec

if not find_spec("matplotlib"):
    raise ImportError("fnnet.plot needs Matplotlib: pip install matplotlib")

from fnnet.plot.calibration import calibration as calibration
from fnnet.plot.confusion import confusion_matrix as confusion_matrix
from fnnet.plot.curves import learning_curves as learning_curves
from fnnet.plot.histograms import gradient_histograms as gradient_histograms
from fnnet.plot.histograms import weight_histograms as weight_histograms
from fnnet.plot.intervals import intervals as intervals
from fnnet.plot.pictures import save as save
from fnnet.plot.rates import rate_curve as rate_curve
from fnnet.plot.regions import decision_regions as decision_regions
from fnnet.plot.residuals import residuals as residuals
